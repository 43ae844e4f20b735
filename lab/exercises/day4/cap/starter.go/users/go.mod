module users

go 1.19

require (
	github.com/mattn/go-sqlite3 v1.14.16
	github.com/rabbitmq/amqp091-go v1.5.0
)
