'use strict'

// A breaker that counts shares, as many libraries do: it opens when at least half of the last ten calls failed, if
// there were so many as `failures`. A timer makes it half-open.

const WINDOW = 10
const STATES = { closed: 0, open: 1, halfOpen: 2 }

class OpenError extends Error {}

class Breaker {
  constructor(name, { failures, resetMs, probes, onChange = () => {} }) {
    Object.assign(this, { name, failures, resetMs, probes, onChange })
    this.transitions = 0
    this.state = 'closed'
    this.era = 0
    this.outcomes = []
    this.probing = 0
  }

  get metric() {
    return STATES[this.state]
  }

  async fire(call) {
    if (this.state === 'open') throw new OpenError(this.name)
    if (this.state === 'halfOpen' && this.probing >= this.probes) throw new OpenError(this.name)
    if (this.state === 'halfOpen') this.probing++
    const era = this.era
    try {
      const value = await call()
      if (era === this.era) this.#ended(true)
      return value
    } catch (error) {
      if (era === this.era) this.#ended(false)
      throw error
    }
  }

  #ended(ok) {
    if (this.state === 'halfOpen') return ok ? this.#become('closed') : this.#open()
    this.outcomes = [...this.outcomes, ok].slice(-WINDOW)
    const failed = this.outcomes.filter((ok) => !ok).length
    if (this.outcomes.length >= this.failures && failed * 2 >= this.outcomes.length) this.#open()
  }

  #open() {
    this.#become('open')
    setTimeout(() => this.#become('halfOpen'), this.resetMs).unref()
  }

  #become(state) {
    this.state = state
    this.era++
    this.transitions++
    this.outcomes = []
    this.probing = 0
    this.onChange(state)
  }
}

module.exports = { Breaker, OpenError }
