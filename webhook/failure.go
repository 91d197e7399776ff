package webhook

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxAsked bounds the wait that the receiver asks for.
const maxAsked = time.Hour

// Error is a message that the receiver did not take. Its text has neither the URL, which may contain a secret, nor
// anything that the receiver chooses except the status.
type Error struct {
	text string
	// Wait is how long the receiver asks to wait, 0 when it does not.
	Wait time.Duration
}

func (e *Error) Error() string { return e.text }

// failed is the error of a message. cause says what happened, and next what an operator can do.
func (r *Receiver) failed(message Message, cause, next string) *Error {
	return &Error{text: fmt.Sprintf("%s has not taken %s: %s; %s", r.options.Setting, message.Name, cause,
		strings.ReplaceAll(next, settingMark, r.options.Setting))}
}

// settingMark stands for the key of the configuration in what an operator can do.
const settingMark = "{setting}"

// refused is the error of an answer that is no 2xx.
func (r *Receiver) refused(message Message, response *http.Response) *Error {
	status := response.StatusCode
	refusal := r.failed(message, strings.TrimSpace(fmt.Sprintf("it answered %d %s", status, http.StatusText(status))), afterStatus(status))
	refusal.Wait = askedWait(response.Header)
	return refusal
}

// askedWait is the wait of a Retry-After in seconds, 0 when there is none.
func askedWait(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // too large a number is read as the largest
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxAsked)
}

const seeReceiver = "see the receiver's own log"

// afterStatus says what to do after an answer.
func afterStatus(status int) string {
	switch {
	case status/100 == 3:
		return "redirects are not followed: set {setting}.url to the address that takes the messages"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "compare {setting}.secret, and the credentials in the url, with what the receiver expects"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return "check the path in {setting}.url: the receiver has to take a POST there"
	case status == http.StatusRequestEntityTooLarge:
		return fmt.Sprintf("let the receiver take messages of %d KiB", MaxMessage>>10)
	case status == http.StatusTooManyRequests:
		return "if this lasts, let the receiver take more messages"
	}
	return seeReceiver
}

// unanswered is the error of a request without an answer.
func (r *Receiver) unanswered(message Message, err error) *Error {
	cause, next := explain(err)
	return r.failed(message, cause, next)
}

// explain says why there is no answer, and what to do.
func explain(err error) (cause, next string) {
	if _, is := errors.AsType[*net.DNSError](err); is {
		return "the name of its host was not found", "check the host in {setting}.url, and the DNS of the workers"
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return "the workers do not accept its certificate",
			"check that it is valid for the host in {setting}.url, and that the workers trust who issued it (SSL_CERT_FILE)"
	}
	if _, is := errors.AsType[tls.RecordHeaderError](err); is || errors.Is(err, http.ErrSchemeMismatch) || failedTo(err, "remote error", "local error") {
		return "no TLS could be agreed on", "check that the port in {setting}.url is one for https, and which TLS the receiver demands"
	}
	if failedTo(err, "dial", "proxyconnect") {
		return "no connection could be made", "check that the receiver runs, and that firewalls and proxies let the workers reach it"
	}
	if timeout, is := errors.AsType[net.Error](err); is && timeout.Timeout() {
		return fmt.Sprintf("it did not answer within %s", AnswerTimeout), "let it answer before it works on the message; " + seeReceiver
	}
	return "it ended the connection without an answer", seeReceiver
}

// failedTo reports whether one of these operations of package net failed.
func failedTo(err error, operations ...string) bool {
	failed, is := errors.AsType[*net.OpError](err)
	return is && slices.Contains(operations, failed.Op)
}
