// The story told with the Java client: see story.py.

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

public class Story {
    static class Delivery {
        Envelope envelope;
        AMQP.BasicProperties properties;
        String body;
    }

    static BlockingQueue<Delivery> consume(Channel channel, String queue, boolean autoAck, String tag) throws Exception {
        BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();
        channel.basicConsume(queue, autoAck, tag, new DefaultConsumer(channel) {
            @Override
            public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body) {
                Delivery delivery = new Delivery();
                delivery.envelope = envelope;
                delivery.properties = properties;
                delivery.body = new String(body);
                deliveries.add(delivery);
            }
        });
        return deliveries;
    }

    static GetResponse get(Channel channel, String queue) throws Exception {
        GetResponse got;
        while ((got = channel.basicGet(queue, true)) == null) Thread.sleep(20);
        return got;
    }

    public static void main(String[] arguments) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri("amqp://guest:guest@127.0.0.1:" + arguments[0]);
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();
        channel.basicQos(1);
        channel.confirmSelect();
        channel.queueDeclare("story-work", true, false, false, Map.of("x-dead-letter-exchange", "story-dead"));
        channel.exchangeDeclare("story-dead", "fanout", true);
        channel.queueDeclare("story-grave", true, false, false, null);
        channel.queueBind("story-grave", "story-dead", "");
        channel.exchangeDeclare("story-topics", "topic", true);
        channel.queueBind("story-work", "story-topics", "order.*.created");
        for (int number = 1; number <= 3; number++) {
            AMQP.BasicProperties properties =
                MessageProperties.PERSISTENT_TEXT_PLAIN.builder().headers(Map.of("number", number)).build();
            channel.basicPublish("story-topics", "order.eu.created", properties, ("order " + number).getBytes());
        }
        channel.basicPublish("story-topics", "order.eu.us.created", null, "other".getBytes());
        System.out.println("confirmed " + channel.waitForConfirms(10_000));
        System.out.println("waiting " + channel.messageCount("story-work"));

        BlockingQueue<Delivery> deliveries = consume(channel, "story-work", false, "worker");
        Delivery came = deliveries.take();
        System.out.println("came " + came.body + " " + came.properties.getHeaders().get("number") + " "
            + came.envelope.getRoutingKey() + " " + came.envelope.isRedeliver());
        channel.basicNack(came.envelope.getDeliveryTag(), false, true);
        came = deliveries.take();
        System.out.println("again " + came.body + " " + came.envelope.isRedeliver());
        channel.basicAck(came.envelope.getDeliveryTag(), false);
        channel.basicReject(deliveries.take().envelope.getDeliveryTag(), false);
        came = deliveries.take();
        channel.basicAck(came.envelope.getDeliveryTag(), false);
        System.out.println("last " + came.body);
        channel.basicCancel("worker");
        GetResponse dead = get(channel, "story-grave");
        Map<?, ?> death = (Map<?, ?>) ((List<?>) dead.getProps().getHeaders().get("x-death")).get(0);
        System.out.println("died " + new String(dead.getBody()) + " " + death.get("reason") + " " + death.get("count"));

        BlockingQueue<String> returned = new LinkedBlockingQueue<>();
        channel.addReturnListener((code, text, exchange, key, properties, body) ->
            returned.add(code + " " + text + " " + new String(body)));
        channel.basicPublish("story-topics", "nobody", true, null, "nowhere".getBytes());
        System.out.println("returned " + returned.take());

        BlockingQueue<Delivery> answers = consume(channel, "amq.rabbitmq.reply-to", true, "asker");
        AMQP.BasicProperties asking = new AMQP.BasicProperties.Builder().replyTo("amq.rabbitmq.reply-to").build();
        channel.basicPublish("", "story-work", asking, "question".getBytes());
        String address = get(channel, "story-work").getProps().getReplyTo();
        channel.basicPublish("", address, null, "answer".getBytes());
        System.out.println("answered " + answers.take().body);

        byte[] large = new byte[300_000];
        Arrays.fill(large, (byte) 'x');
        channel.basicPublish("", "story-grave", null, large);
        System.out.println("large " + Arrays.equals(get(channel, "story-grave").getBody(), large));
        try {
            connection.createChannel().queueDeclarePassive("story-none");
        } catch (IOException failure) {
            AMQP.Channel.Close close = (AMQP.Channel.Close) ((ShutdownSignalException) failure.getCause()).getReason();
            System.out.println("missing " + close.getReplyCode());
        }
        channel.queueDelete("story-work");
        channel.queueDelete("story-grave");
        channel.exchangeDelete("story-dead");
        channel.exchangeDelete("story-topics");
        connection.close();
        System.out.println("closed");
    }
}
