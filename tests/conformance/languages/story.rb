# The story told with Bunny: see story.py.
require "bunny"

connection = Bunny.new("amqp://guest:guest@127.0.0.1:#{ARGV[0]}", heartbeat: 5)
connection.start
channel = connection.create_channel
channel.prefetch(1)
channel.confirm_select
work = channel.queue("story-work", durable: true, arguments: {"x-dead-letter-exchange" => "story-dead"})
dead = channel.fanout("story-dead", durable: true)
grave = channel.queue("story-grave", durable: true).bind(dead)
topics = channel.topic("story-topics", durable: true)
work.bind(topics, routing_key: "order.*.created")
(1..3).each do |number|
  topics.publish("order #{number}", routing_key: "order.eu.created", persistent: true, headers: {"number" => number})
end
topics.publish("other", routing_key: "order.eu.us.created")
puts "confirmed #{channel.wait_for_confirms}"
puts "waiting #{work.message_count}"

deliveries = Queue.new
consumer = work.subscribe(manual_ack: true) { |info, properties, body| deliveries << [info, properties, body] }
info, properties, body = deliveries.pop
puts "came #{body} #{properties.headers["number"]} #{info.routing_key} #{info.redelivered?}"
channel.nack(info.delivery_tag, false, true)
info, _, body = deliveries.pop
puts "again #{body} #{info.redelivered?}"
channel.ack(info.delivery_tag)
info, _, body = deliveries.pop
channel.reject(info.delivery_tag, false)
info, _, body = deliveries.pop
channel.ack(info.delivery_tag)
puts "last #{body}"
consumer.cancel
died = nil
sleep 0.02 until (died = grave.pop)[0]
puts "died #{died[2]} #{died[1].headers["x-death"][0]["reason"]} #{died[1].headers["x-death"][0]["count"]}"

returned = Queue.new
topics.on_return { |info, _, body| returned << "#{info.reply_code} #{info.reply_text} #{body}" }
topics.publish("nowhere", routing_key: "nobody", mandatory: true)
puts "returned #{returned.pop}"

answers = Queue.new
channel.basic_consume("amq.rabbitmq.reply-to", "", true) { |_, _, body| answers << body }
channel.default_exchange.publish("question", routing_key: work.name, reply_to: "amq.rabbitmq.reply-to")
asked = nil
sleep 0.02 until (asked = work.pop)[0]
channel.default_exchange.publish("answer", routing_key: asked[1].reply_to)
puts "answered #{answers.pop}"

large = "x" * 300_000
channel.default_exchange.publish(large, routing_key: grave.name)
channel.wait_for_confirms
puts "large #{grave.pop[2] == large}"
begin
  connection.create_channel.queue("story-none", passive: true)
rescue Bunny::NotFound => failure
  puts "missing #{failure.channel_close.reply_code}"
end
work.delete
grave.delete
dead.delete
topics.delete
connection.close
puts "closed"
