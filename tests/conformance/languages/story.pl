# The story told with AnyEvent::RabbitMQ: see story.py.
use strict;
use warnings;
use AnyEvent;
use AnyEvent::RabbitMQ;

$| = 1;
my $client = AnyEvent::RabbitMQ->new->load_xml_spec;

# Calls a method of theirs and waits for its end.
sub done {
    my ($object, $method, %options) = @_;
    my $end = AnyEvent->condvar;
    $object->$method(%options, on_success => sub { $end->send(@_) }, on_failure => sub { $end->croak("@_") });
    return $end->recv;
}

sub get {
    my ($channel, $queue) = @_;
    while (1) {
        my $got = done($channel, 'get', queue => $queue, no_ack => 1);
        return $got unless $got->{empty};
        my $soon = AnyEvent->condvar;
        my $timer = AnyEvent->timer(after => 0.02, cb => sub { $soon->send });
        $soon->recv;
    }
}

done($client, 'connect', host => '127.0.0.1', port => $ARGV[0], user => 'guest', pass => 'guest', vhost => '/',
    timeout => 5, on_close => sub { }, on_read_failure => sub { die "@_" });
my $channel = done($client, 'open_channel', on_close => sub { });
$channel->confirm;
done($channel, 'qos', prefetch_count => 1);
done($channel, 'declare_queue', queue => 'story-work', durable => 1);
done($channel, 'declare_exchange', exchange => 'story-topics', type => 'topic', durable => 1);
done($channel, 'bind_queue', queue => 'story-work', exchange => 'story-topics', routing_key => 'order.*.created');

sub publish {
    my ($exchange, $key, $body, %header) = @_;
    my $end = AnyEvent->condvar;
    $channel->publish(exchange => $exchange, routing_key => $key, body => $body, header => \%header,
        on_ack => sub { $end->send('true') }, on_nack => sub { $end->send('false') });
    return $end->recv;
}

my $confirmed = 'true';
for my $number (1 .. 3) {
    my %header = (delivery_mode => 2, headers => {number => $number});
    $confirmed = 'false' if publish('story-topics', 'order.eu.created', "order $number", %header) ne 'true';
}
publish('story-topics', 'order.eu.us.created', 'other');
print "confirmed $confirmed\n";
print 'waiting ', done($channel, 'declare_queue', queue => 'story-work', passive => 1)->method_frame->message_count, "\n";

my @deliveries;
my $delivered = AnyEvent->condvar;
sub next_one {
    $delivered->recv unless @deliveries;
    my $one = shift @deliveries;
    $delivered = AnyEvent->condvar unless @deliveries;
    return $one;
}
sub truth { return $_[0] ? 'true' : 'false' }

my $tag = done($channel, 'consume', queue => 'story-work', no_ack => 0, on_consume => sub {
    push @deliveries, $_[0];
    $delivered->send;
})->method_frame->consumer_tag;
my $one = next_one();
print "came ", $one->{body}->payload, " $one->{header}{headers}{number} $one->{deliver}->{method_frame}->{routing_key} ",
    truth($one->{deliver}->{method_frame}->{redelivered}), "\n";
$channel->reject(delivery_tag => $one->{deliver}->{method_frame}->{delivery_tag}, requeue => 1);
$one = next_one();
print "again ", $one->{body}->payload, " ", truth($one->{deliver}->{method_frame}->{redelivered}), "\n";
$channel->ack(delivery_tag => $one->{deliver}->{method_frame}->{delivery_tag});
$one = next_one();
$channel->reject(delivery_tag => $one->{deliver}->{method_frame}->{delivery_tag}, requeue => 0);
$one = next_one();
$channel->ack(delivery_tag => $one->{deliver}->{method_frame}->{delivery_tag});
print "last ", $one->{body}->payload, "\n";
done($channel, 'cancel', consumer_tag => $tag);
my $large = 'x' x 300_000;
publish('', 'story-work', $large);
print "large ", truth(get($channel, 'story-work')->{body}->payload eq $large), "\n";
done($channel, 'delete_queue', queue => 'story-work');
done($channel, 'delete_exchange', exchange => 'story-topics');
done($client, 'close');
print "closed\n";
