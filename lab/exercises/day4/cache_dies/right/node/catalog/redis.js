'use strict'

const net = require('node:net')

// A client for a few commands over one connection, which is opened when it is needed. Commands wait for nothing longer
// than `timeoutMs`; then the connection is given up, and with it all that were waiting.

class Redis {
  constructor(url, timeoutMs) {
    const { hostname, port } = new URL(url)
    Object.assign(this, { hostname, port: Number(port || 6379), timeoutMs, socket: null, waiting: [], unread: Buffer.alloc(0) })
  }

  send(...words) {
    this.socket ??= this.#connect()
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    this.socket.write(`*${words.length}\r\n${parts.join('')}`)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(new Error('timeout')), this.timeoutMs)
      this.waiting.push({ resolve, reject, timer })
    })
  }

  #connect() {
    const socket = net.connect(this.port, this.hostname)
    socket.setNoDelay(true)
    socket.on('data', (data) => socket === this.socket && this.#read(data))
    socket.on('error', (error) => socket === this.socket && this.#fail(error))
    socket.on('close', () => socket === this.socket && this.#fail(new Error('closed')))
    return socket
  }

  #fail(error) {
    this.socket?.destroy()
    this.socket = null
    this.unread = Buffer.alloc(0)
    for (const { reject, timer } of this.waiting.splice(0)) {
      clearTimeout(timer)
      reject(error)
    }
  }

  #read(data) {
    this.unread = Buffer.concat([this.unread, data])
    for (;;) {
      const end = this.unread.indexOf('\r\n')
      if (end < 0) return
      const kind = String.fromCharCode(this.unread[0])
      const line = this.unread.toString('utf8', 1, end)
      let value = line
      let next = end + 2
      if (kind === '$') {
        const size = Number(line)
        if (size >= 0) {
          if (this.unread.length < next + size + 2) return
          value = this.unread.toString('utf8', next, next + size)
          next += size + 2
        } else value = null
      }
      this.unread = this.unread.subarray(next)
      const command = this.waiting.shift()
      if (!command) return this.#fail(new Error('an answer to no question'))
      clearTimeout(command.timer)
      if (kind === '-') command.reject(new Error(value))
      else command.resolve(value)
    }
  }
}

module.exports = { Redis }
