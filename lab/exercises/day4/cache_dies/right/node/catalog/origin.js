'use strict'

class Unavailable extends Error {}

const PATIENCE = 1000

// At most so many requests at a time; the others wait a little.
class Gate {
  constructor(places) {
    this.free = places
    this.queue = []
  }

  enter() {
    if (this.free > 0) return void this.free--
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.queue.splice(this.queue.indexOf(entry), 1)
        reject(new Unavailable('no place at the origin'))
      }, PATIENCE)
      const entry = () => {
        clearTimeout(timer)
        resolve()
      }
      this.queue.push(entry)
    })
  }

  leave() {
    const next = this.queue.shift()
    if (next) next()
    else this.free++
  }
}

class Origin {
  constructor(url, timeoutMs, most) {
    Object.assign(this, { rows: `${url}/rows/products/`, timeoutMs, gate: new Gate(most) })
  }

  // The product, or null.
  async ask(method, id, row) {
    await this.gate.enter()
    try {
      const answer = await fetch(this.rows + encodeURIComponent(id), {
        method,
        headers: { 'Content-Type': 'application/json' },
        body: row && JSON.stringify(row),
        signal: AbortSignal.timeout(this.timeoutMs),
      })
      const text = await answer.text()
      if (answer.status === 404 && method === 'GET') return null
      if (!answer.ok) throw new Error(`answered ${answer.status}`)
      const { id: same, name, price, version } = JSON.parse(text)
      if (!Number.isInteger(version)) throw new Error('not a product')
      return { id: same, name, price, version }
    } catch (error) {
      throw new Unavailable(String(error.cause ?? error))
    } finally {
      this.gate.leave()
    }
  }
}

module.exports = { Origin, Unavailable }
