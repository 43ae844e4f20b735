"""AMQP 0-9-1 above the core: frames, methods, the handshake, connections with their channels, and the sockets.

All but `server` is sans-IO: `connection.Connection` takes bytes and gives bytes.
"""
