"""`lab broker`: the embedded AMQP broker alone."""
