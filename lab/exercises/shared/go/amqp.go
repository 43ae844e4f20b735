package main

// A small AMQP 0-9-1 client: one connection, one channel. It is done with at the first error; whoever uses it dials again.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A method's class and number, as the protocol counts them.
const (
	connectionStart   = 10<<16 | 10
	connectionStartOk = 10<<16 | 11
	connectionTune    = 10<<16 | 30
	connectionTuneOk  = 10<<16 | 31
	connectionOpen    = 10<<16 | 40
	connectionOpenOk  = 10<<16 | 41
	connectionClose   = 10<<16 | 50
	channelOpen       = 20<<16 | 10
	channelOpenOk     = 20<<16 | 11
	channelClose      = 20<<16 | 40
	exchangeDeclare   = 40<<16 | 10
	exchangeDeclareOk = 40<<16 | 11
	queueDeclare      = 50<<16 | 10
	queueDeclareOk    = 50<<16 | 11
	queueBind         = 50<<16 | 20
	queueBindOk       = 50<<16 | 21
	basicQos          = 60<<16 | 10
	basicQosOk        = 60<<16 | 11
	basicConsume      = 60<<16 | 20
	basicConsumeOk    = 60<<16 | 21
	basicPublish      = 60<<16 | 40
	basicCancel       = 60<<16 | 30
	basicDeliver      = 60<<16 | 60
	basicGet          = 60<<16 | 70
	basicGetOk        = 60<<16 | 71
	basicGetEmpty     = 60<<16 | 72
	basicAck          = 60<<16 | 80
	basicReject       = 60<<16 | 90
	basicNack         = 60<<16 | 120
	confirmSelect     = 85<<16 | 10
	confirmSelectOk   = 85<<16 | 11
)

const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8
	frameMax       = 65536
)

// Properties are as they came, headers among them: to be passed on with PublishRaw.
type Delivery struct {
	Tag        uint64
	RoutingKey string
	Properties string
	Body       []byte
}

// A Confirm answers every publish up to Tag if Multiple, else this one.
type Confirm struct {
	Tag      uint64
	Multiple bool
	Ack      bool
}

type Client struct {
	Deliveries chan Delivery
	Confirms   chan Confirm
	Closed     chan struct{} // at the first error

	conn    net.Conn
	frames  *bufio.Reader
	writing sync.Mutex
	answers chan uint32
	closing sync.Once
	beat    time.Duration
}

func Dial(address string) (*Client, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", at.Host, 3*time.Second)
	if err != nil {
		return nil, err
	}
	seconds, _ := strconv.Atoi(at.Query().Get("heartbeat"))
	if seconds == 0 {
		seconds = 10
	}
	c := &Client{
		Deliveries: make(chan Delivery, 1000), Confirms: make(chan Confirm, 1000), Closed: make(chan struct{}),
		conn: conn, frames: bufio.NewReader(conn), answers: make(chan uint32, 1), beat: time.Duration(seconds) * time.Second,
	}
	go c.read()
	password, _ := at.User.Password()
	if err := c.shakeHands(at.User.Username(), password, seconds); err != nil {
		c.Close()
		return nil, err
	}
	go c.beats()
	return c, nil
}

func (c *Client) shakeHands(user, password string, heartbeat int) error {
	c.writing.Lock()
	_, err := c.conn.Write([]byte("AMQP\x00\x00\x09\x01"))
	c.writing.Unlock()
	if err != nil {
		return err
	}
	if err := c.await(connectionStart); err != nil {
		return err
	}
	secret := "\x00" + user + "\x00" + password
	// Without this capability the broker does not tell when the queue that we consume from is gone.
	able := Table(Field("capabilities", "F"+Table(Field("consumer_cancel_notify", "t\x01"))))
	if err := c.call(0, connectionStartOk, connectionTune, able, short("PLAIN"), long(len(secret)), secret, short("en_US")); err != nil {
		return err
	}
	limits := binary.BigEndian.AppendUint16(nil, 1)
	limits = binary.BigEndian.AppendUint32(limits, frameMax)
	limits = binary.BigEndian.AppendUint16(limits, uint16(heartbeat))
	if err := c.send(0, connectionTuneOk, string(limits)); err != nil {
		return err
	}
	if err := c.call(0, connectionOpen, connectionOpenOk, short("/"), short(""), "\x00"); err != nil {
		return err
	}
	return c.call(1, channelOpen, channelOpenOk, short(""))
}

func (c *Client) DeclareExchange(name string) error {
	return c.call(1, exchangeDeclare, exchangeDeclareOk, "\x00\x00", short(name), short("topic"), "\x02", long(0))
}

// DeclareQueue makes a durable queue that is bound to the exchange.
func (c *Client) DeclareQueue(name, exchange, key string) error {
	if err := c.DeclareQueueWith(name); err != nil {
		return err
	}
	return c.Bind(name, exchange, key)
}

// DeclareQueueWith makes a durable queue with arguments: Field("x-message-ttl", Number(300)).
func (c *Client) DeclareQueueWith(name string, arguments ...string) error {
	return c.call(1, queueDeclare, queueDeclareOk, "\x00\x00", short(name), "\x02", Table(arguments...))
}

func (c *Client) Bind(queue, exchange, key string) error {
	return c.call(1, queueBind, queueBindOk, "\x00\x00", short(queue), short(exchange), short(key), "\x00", long(0))
}

// Consume begins to fill Deliveries, so many unacknowledged ones at a time.
func (c *Client) Consume(queue string, prefetch uint16) error {
	if err := c.call(1, basicQos, basicQosOk, long(0), string(binary.BigEndian.AppendUint16(nil, prefetch)), "\x00"); err != nil {
		return err
	}
	return c.call(1, basicConsume, basicConsumeOk, "\x00\x00", short(queue), short("me"), "\x00", long(0))
}

func (c *Client) Ack(tag uint64) error {
	return c.send(1, basicAck, string(binary.BigEndian.AppendUint64(nil, tag)), "\x00")
}

// Reject gives the message to the queue's dead letter exchange, or to nobody if it has none.
func (c *Client) Reject(tag uint64) error {
	return c.send(1, basicReject, string(binary.BigEndian.AppendUint64(nil, tag)), "\x00")
}

// Get takes the first message, to be acknowledged; ok is false where there is none. Not on a client that consumes.
func (c *Client) Get(queue string) (found Delivery, ok bool, err error) {
	if err = c.send(1, basicGet, "\x00\x00", short(queue), "\x00"); err != nil {
		return
	}
	select {
	case found = <-c.Deliveries:
		return found, true, nil
	case <-c.answers:
		return
	case <-c.Closed:
		return found, false, errors.New("the broker closed the connection")
	case <-time.After(5 * time.Second):
		return found, false, errors.New("the broker does not answer")
	}
}

// WantConfirms makes the broker confirm what is published from now on; it counts from 1.
func (c *Client) WantConfirms() error {
	return c.call(1, confirmSelect, confirmSelectOk, "\x00")
}

// Publish sends a persistent CloudEvent; small ones only, for it goes as one frame.
func (c *Client) Publish(exchange, key, id, correlation string, body []byte) error {
	flags := string(binary.BigEndian.AppendUint16(nil, 1<<15|1<<12|1<<10|1<<7))
	properties := flags + short("application/cloudevents+json") + "\x02" + short(correlation) + short(id)
	return c.PublishRaw(exchange, key, properties, body)
}

// PublishRaw sends a message with properties as another one had them.
func (c *Client) PublishRaw(exchange, key, properties string, body []byte) error {
	head := binary.BigEndian.AppendUint32(nil, 60<<16)
	head = binary.BigEndian.AppendUint64(head, uint64(len(body)))
	c.writing.Lock()
	defer c.writing.Unlock()
	var all bytes.Buffer
	all.Write(frame(frameMethod, 1, method(basicPublish, "\x00\x00", short(exchange), short(key), "\x00")))
	all.Write(frame(frameHeader, 1, string(head)+properties))
	all.Write(frame(frameBody, 1, string(body)))
	_, err := c.conn.Write(all.Bytes())
	return err
}

func (c *Client) Close() {
	c.closing.Do(func() {
		c.conn.Close()
		close(c.Closed)
	})
}

func (c *Client) call(channel uint16, asked, answer uint32, arguments ...string) error {
	if err := c.send(channel, asked, arguments...); err != nil {
		return err
	}
	return c.await(answer)
}

func (c *Client) await(wanted uint32) error {
	select {
	case got := <-c.answers:
		if got != wanted {
			return fmt.Errorf("the broker answered %d.%d", got>>16, got&0xffff)
		}
		return nil
	case <-c.Closed:
		return errors.New("the broker closed the connection")
	case <-time.After(5 * time.Second):
		return errors.New("the broker does not answer")
	}
}

func (c *Client) send(channel uint16, what uint32, arguments ...string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.conn.Write(frame(frameMethod, channel, method(what, arguments...)))
	return err
}

func (c *Client) beats() {
	for {
		select {
		case <-c.Closed:
			return
		case <-time.After(c.beat / 2):
			c.writing.Lock()
			c.conn.Write(frame(frameHeartbeat, 0, ""))
			c.writing.Unlock()
		}
	}
}

func (c *Client) read() {
	defer c.Close()
	var coming Delivery
	var missing uint64
	for {
		c.conn.SetReadDeadline(time.Now().Add(2*c.beat + time.Second))
		var head [7]byte
		if _, err := io.ReadFull(c.frames, head[:]); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(head[3:])+1) // and the end of the frame
		if _, err := io.ReadFull(c.frames, payload); err != nil {
			return
		}
		payload = payload[:len(payload)-1]
		switch head[0] {
		case frameHeader:
			missing, coming.Properties, coming.Body = binary.BigEndian.Uint64(payload[4:]), string(payload[12:]), nil
		case frameBody:
			missing -= uint64(len(payload))
			coming.Body = append(coming.Body, payload...)
		case frameMethod:
			what, rest := binary.BigEndian.Uint32(payload), payload[4:]
			switch what {
			case basicDeliver, basicGetOk:
				if what == basicDeliver {
					rest = rest[1+rest[0]:] // the consumer's tag
				}
				coming.Tag, rest = binary.BigEndian.Uint64(rest), rest[9:]
				rest = rest[1+rest[0]:] // the exchange
				coming.RoutingKey = string(rest[1 : 1+rest[0]])
				continue
			case basicAck, basicNack:
				c.Confirms <- Confirm{binary.BigEndian.Uint64(rest), rest[8]&1 == 1, what == basicAck}
			case connectionClose, channelClose, basicCancel:
				return
			default:
				c.answers <- what
			}
			continue
		default:
			continue
		}
		if missing == 0 {
			c.Deliveries <- coming
		}
	}
}

func frame(kind byte, channel uint16, payload string) []byte {
	made := binary.BigEndian.AppendUint16([]byte{kind}, channel)
	made = binary.BigEndian.AppendUint32(made, uint32(len(payload)))
	return append(append(made, payload...), 0xCE)
}

func method(what uint32, arguments ...string) string {
	made := string(binary.BigEndian.AppendUint32(nil, what))
	for _, argument := range arguments {
		made += argument
	}
	return made
}

func short(text string) string { return string([]byte{byte(len(text))}) + text }

func long(size int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(size))) }

// Table is made of fields.
func Table(fields ...string) string {
	all := strings.Join(fields, "")
	return long(len(all)) + all
}

// Field has a value that begins with the letter of its type, as Text and Number make it.
func Field(name, value string) string { return short(name) + value }

func Text(text string) string { return "S" + long(len(text)) + text }

func Number(number int) string { return "I" + long(number) }
