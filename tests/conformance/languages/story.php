<?php
// The story told with php-amqplib: see story.py.
require_once 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

$connection = new AMQPStreamConnection('127.0.0.1', (int) $argv[1], 'guest', 'guest');
$channel = $connection->channel();
$channel->basic_qos(0, 1, false);
$channel->confirm_select();
$arguments = new AMQPTable(['x-dead-letter-exchange' => 'story-dead']);
$channel->queue_declare('story-work', false, true, false, false, false, $arguments);
$channel->exchange_declare('story-dead', 'fanout', false, true, false);
$channel->queue_declare('story-grave', false, true, false, false);
$channel->queue_bind('story-grave', 'story-dead');
$channel->exchange_declare('story-topics', 'topic', false, true, false);
$channel->queue_bind('story-work', 'story-topics', 'order.*.created');
foreach ([1, 2, 3] as $number) {
    $headers = new AMQPTable(['number' => $number]);
    $message = new AMQPMessage("order $number", ['delivery_mode' => 2, 'application_headers' => $headers]);
    $channel->basic_publish($message, 'story-topics', 'order.eu.created');
}
$channel->basic_publish(new AMQPMessage('other'), 'story-topics', 'order.eu.us.created');
$channel->wait_for_pending_acks(10);
echo "confirmed true\n";
echo 'waiting ' . $channel->queue_declare('story-work', true)[1] . "\n";

$deliveries = [];
$tag = $channel->basic_consume('story-work', '', false, false, false, false, function ($message) use (&$deliveries) {
    $deliveries[] = $message;
});
$next = function () use (&$deliveries, $channel) {
    while (!$deliveries) {
        $channel->wait(null, false, 10);
    }
    return array_shift($deliveries);
};
$truth = fn ($value) => $value ? 'true' : 'false';
$message = $next();
$number = $message->get('application_headers')->getNativeData()['number'];
echo "came $message->body $number {$message->getRoutingKey()} {$truth($message->isRedelivered())}\n";
$message->nack(true);
$message = $next();
echo "again $message->body {$truth($message->isRedelivered())}\n";
$message->ack();
$next()->reject(false);
$message = $next();
$message->ack();
echo "last $message->body\n";
$channel->basic_cancel($tag);
$get = function (string $queue) use ($channel) {
    while (($message = $channel->basic_get($queue, true)) === null) {
        usleep(20000);
    }
    return $message;
};
$message = $get('story-grave');
$death = $message->get('application_headers')->getNativeData()['x-death'][0];
echo "died $message->body {$death['reason']} {$death['count']}\n";

$returned = null;
$channel->set_return_listener(function ($code, $text, $exchange, $key, $message) use (&$returned) {
    $returned = "$code $text $message->body";
});
$channel->basic_publish(new AMQPMessage('nowhere'), 'story-topics', 'nobody', true);
$channel->wait_for_pending_acks_returns(10);
echo "returned $returned\n";

$answer = null;
$channel->basic_consume('amq.rabbitmq.reply-to', '', false, true, false, false, function ($message) use (&$answer) {
    $answer = $message->body;
});
$channel->basic_publish(new AMQPMessage('question', ['reply_to' => 'amq.rabbitmq.reply-to']), '', 'story-work');
$asked = $get('story-work');
$channel->basic_publish(new AMQPMessage('answer'), '', $asked->get('reply_to'));
while ($answer === null) {
    $channel->wait(null, false, 10);
}
echo "answered $answer\n";

$large = str_repeat('x', 300000);
$channel->basic_publish(new AMQPMessage($large), '', 'story-grave');
echo 'large ' . $truth($get('story-grave')->body === $large) . "\n";
try {
    $connection->channel()->queue_declare('story-none', true);
} catch (AMQPProtocolChannelException $failure) {
    echo "missing {$failure->amqp_reply_code}\n";
}
$channel->queue_delete('story-work');
$channel->queue_delete('story-grave');
$channel->exchange_delete('story-dead');
$channel->exchange_delete('story-topics');
$connection->close();
echo "closed\n";
