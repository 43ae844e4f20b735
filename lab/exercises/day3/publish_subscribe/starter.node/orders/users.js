// Asking the users service.

/** Whether it knows the user. Throws if it does not answer. */
export async function exists(url, id, requestId) {
  const answer = await fetch(`${url.replace(/\/+$/, "")}/users/${encodeURIComponent(id)}`, {
    headers: { "X-Request-ID": requestId },
    signal: AbortSignal.timeout(2000),
  });
  await answer.arrayBuffer();
  return answer.status === 200;
}
