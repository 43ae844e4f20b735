"""What a broker is without its wire: virtual hosts, exchanges, queues and messages, and the log that keeps them.

It is told the time and it is called; it knows no frame, no channel and no socket. Messages stay encoded as they came,
so field tables and content headers are read and written here. Of a client it knows what `consumer.Consumer` says.
"""
