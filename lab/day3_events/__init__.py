"""Wednesday: facts instead of calls. Four services that share a broker and nothing else.

    client ─▶ users ──user.registered──▶ orders (keeps its own copy of who may order)
    client ─▶ orders ──order.created──▶ payments ─▶ payment provider
                 ▲──payment.approved / payment.declined──┘
              orders ──order.confirmed / order.cancelled──▶ notifications ─▶ mail
                                       └──order.cancelled──▶ payments (gives the money back)

Nobody conducts: each service hears of what happened, does its part and tells what happened next (a choreographed
saga). A technical failure is a delay, and is tried again; a business failure is answered by compensation.

With `--saga orchestration` the same services do the same work, and a fifth says who does what next:

    orders ──order.created──▶ orchestrator ──payment.charge──▶ payments ──payment.approved / payment.declined──┐
                                   ▲  │                                                                        │
                                   └──┼────────────────────────────────────────────────────────────────────────┘
                                      ├──order.confirm / order.cancel──▶ orders ──order.confirmed …──▶ orchestrator
                                      ├──payment.refund──▶ payments ──payment.refunded──▶ orchestrator
                                      └──mail.send──▶ notifications ──mail.sent──▶ orchestrator
"""
