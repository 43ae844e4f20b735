// By the figures: what grew, of whom and how. orders knows more about what is behind it than the gateway.
import { readFileSync } from "node:fs";

const told = JSON.parse(readFileSync(0, "utf8"));

function worst({ before, after }) {
  const grown = {};
  const add = (samples, sign) => {
    for (const { name, labels, value } of samples ?? []) {
      if (name !== "dependency_requests_total" || labels.outcome !== "error") continue;
      const kinds = (grown[labels.dependency] ??= {});
      kinds[labels.how] = (kinds[labels.how] ?? 0) + sign * value;
    }
  };
  if (after) {
    add(after, 1);
    add(before, -1);
  }
  const sum = (kinds) => Object.values(kinds).reduce((all, one) => all + one, 0);
  const [first] = Object.entries(grown).sort(([, a], [, b]) => sum(b) - sum(a));
  if (!first || sum(first[1]) < 3) return undefined;
  const [[kind]] = Object.entries(first[1]).sort(([, a], [, b]) => b - a);
  return { dependency: first[0], kind };
}

console.log(JSON.stringify(worst(told.orders) ?? worst(told.gateway) ?? { dependency: null, kind: null }));
