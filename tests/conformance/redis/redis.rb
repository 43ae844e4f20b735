# What a service in Ruby does with redis-rb: one line for each thing, the same on every Redis.
require "redis"

$stdout.sync = true

def tell(name)
  value = yield
  puts "#{name}: #{value.inspect}"
rescue Redis::CommandError => error
  puts "#{name}: error #{error.message.split.first}"
end

def open_one(**more) = Redis.new(url: ENV.fetch("REDIS_URL"), timeout: 20, **more)

redis = open_one(id: "conformance")
redis.flushall
tell("name") { redis.call("CLIENT", "GETNAME") }
tell("set with expiry") { redis.set("k", "v", ex: 60, nx: true) }
tell("set again") { redis.set("k", "v", nx: true) }
tell("get") { redis.get("k") }
tell("hash") { redis.hset("h", { "a" => 1, "b" => 2 }); redis.hgetall("h") }
tell("scores") { redis.zadd("z", [[1.5, "a"], [2, "b"]]); redis.zrange("z", 0, -1, with_scores: true) }
tell("wrong type") { redis.lpush("k", "x") }
tell("unknown command") { redis.call("NONSENSE") }
tell("five megabytes") { redis.set("big", "x" * 5_000_000); redis.get("big").bytesize }
tell("pipeline") { redis.pipelined { |pipe| 1000.times { pipe.incr("n") } }.last }
tell("transaction") { redis.multi { |tx| tx.set("t", "1"); tx.incr("t") } }
tell("bad transaction") { redis.multi { |tx| tx.call("NONSENSE") } }
tell("conflict") do
  redis.watch("t") do
    open_one.set("t", "9")
    redis.multi { |tx| tx.incr("t") }
  end
end
tell("script") { redis.eval("return {KEYS[1], ARGV[1]}", keys: ["a"], argv: ["b"]) }
tell("no script") { redis.evalsha("f" * 40) }
tell("group") { redis.xgroup(:create, "s", "g", "$", mkstream: true) }
tell("busy group") { redis.xgroup(:create, "s", "g", "$") }
tell("stream") { redis.xadd("s", { "f" => "v" }, id: "1-1"); redis.xreadgroup("g", "c", "s", ">") }
tell("no group") { redis.xreadgroup("none", "c", "s", ">") }
tell("scan") do
  redis.pipelined { |pipe| 10_000.times { |i| pipe.set("scan:#{i}", i) } }
  redis.scan_each(match: "scan:*", count: 500).uniq.size
end
tell("blocking") do
  popped = Thread.new { open_one.blpop("queue", timeout: 5) }
  redis.rpush("queue", "job")
  popped.value
end
tell("publish and subscribe") do
  heard = []
  listener = open_one
  listener.subscribe("news", "other") do |on|
    on.subscribe { |_, count| redis.publish("news", "one") if count == 2 }
    on.message do |channel, message|
      heard << [channel, message]
      channel == "news" ? redis.publish("other", "two") : listener.unsubscribe
    end
  end
  [heard, listener.get("k")]
end
tell("many connections") { Array.new(100) { Thread.new { open_one.incr("many") } }.map(&:value).max }
tell("config") { redis.config(:get, "databases") }
tell("info") { redis.info["redis_version"].nil? }
