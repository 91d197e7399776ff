// Package webhook sends messages to another system, signed as Standard Webhooks describes. What is sent, in which order
// and how often, is up to its callers.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// MaxMessage is the size in bytes that callers keep to if they can: many receivers refuse larger messages.
	MaxMessage = 512 << 10
	// AnswerTimeout bounds the attempt to send one message.
	AnswerTimeout = 15 * time.Second
	// maxAnswer bounds what is read of an answer, so that its connection can be used again.
	maxAnswer = 4 << 10
)

// Options are what a Receiver needs.
type Options struct {
	// Setting is the key of the configuration that describes the receiver, for messages: portico.audit.webhook.
	Setting string
	// URL is where the messages are sent. It is the operator's: nobody else chooses it.
	URL string
	// Secret is the key of the signatures.
	Secret []byte
	// Transport sends the requests.
	Transport http.RoundTripper
}

// Receiver is a system that takes messages. It is safe for concurrent use.
type Receiver struct {
	options Options
	client  *http.Client
}

// New creates a Receiver.
func New(options Options) *Receiver {
	return &Receiver{options: options, client: &http.Client{
		Transport: options.Transport, Timeout: AnswerTimeout,
		// A receiver that sends the messages elsewhere is not the one that was configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Message is what is sent in one request.
type Message struct {
	// Name says what is sent, in messages for people: seal 5.
	Name string
	// ID is the same for each attempt to send the message.
	ID          string
	ContentType string
	Body        []byte
}

// Post sends a message. Any answer but a 2xx is an *Error, and so is none. When the context has ended, the error is the
// context's.
func (r *Receiver) Post(ctx context.Context, message Message) error {
	request, err := r.request(ctx, message)
	if err != nil {
		return err
	}
	response, err := r.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return r.unanswered(message, err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // the status is what counts
	if response.StatusCode/100 == 2 {
		return nil
	}
	return r.refused(message, response)
}

func (r *Receiver) request(ctx context.Context, message Message) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.options.URL, bytes.NewReader(message.Body))
	if err != nil {
		return nil, errors.New(r.options.Setting + ".url is not a URL") // without the cause, which repeats it
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", message.ContentType)
	request.Header.Set("User-Agent", "Portico")
	request.Header.Set("Webhook-Id", message.ID)
	request.Header.Set("Webhook-Timestamp", timestamp)
	request.Header.Set("Webhook-Signature", sign(r.options.Secret, message.ID, timestamp, message.Body))
	return request, nil
}

// sign is the value of the header webhook-signature of Standard Webhooks.
func sign(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
