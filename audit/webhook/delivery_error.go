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

// deliveryError is a message that the receiver did not take. Its text has neither the URL, which may contain a secret,
// nor anything that the receiver chooses except the status.
type deliveryError struct {
	seal int64
	// cause says what happened, and next what an operator can do.
	cause, next string
	// wait is how long the receiver asks to wait, 0 when it does not.
	wait time.Duration
}

func (e *deliveryError) Error() string {
	return fmt.Sprintf("portico.audit.webhook has not taken seal %d: %s; %s", e.seal, e.cause, e.next)
}

// refused is the error of an answer that is no 2xx.
func refused(seal int64, response *http.Response) *deliveryError {
	status := response.StatusCode
	return &deliveryError{seal: seal, cause: strings.TrimSpace(fmt.Sprintf("it answered %d %s", status, http.StatusText(status))),
		next: afterStatus(status), wait: askedWait(response.Header)}
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
		return "redirects are not followed: set portico.audit.webhook.url to the address that takes the messages"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "compare portico.audit.webhook.secret, and the credentials in the url, with what the receiver expects"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return "check the path in portico.audit.webhook.url: the receiver has to take a POST there"
	case status == http.StatusRequestEntityTooLarge:
		return fmt.Sprintf("let the receiver take messages of %d KiB", maxMessage>>10)
	case status == http.StatusTooManyRequests:
		return "if this lasts, let the receiver take more messages"
	}
	return seeReceiver
}

// unanswered is the error of a request without an answer.
func unanswered(seal int64, err error) *deliveryError {
	cause, next := explain(err)
	return &deliveryError{seal: seal, cause: cause, next: next}
}

// explain says why there is no answer, and what to do.
func explain(err error) (cause, next string) {
	if _, is := errors.AsType[*net.DNSError](err); is {
		return "the name of its host was not found", "check the host in portico.audit.webhook.url, and the DNS of the workers"
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return "the workers do not accept its certificate",
			"check that it is valid for the host in portico.audit.webhook.url, and that the workers trust who issued it (SSL_CERT_FILE)"
	}
	if _, is := errors.AsType[tls.RecordHeaderError](err); is || errors.Is(err, http.ErrSchemeMismatch) || failedTo(err, "remote error", "local error") {
		return "no TLS could be agreed on", "check that the port in portico.audit.webhook.url is one for https, and which TLS the receiver demands"
	}
	if failedTo(err, "dial", "proxyconnect") {
		return "no connection could be made", "check that the receiver runs, and that firewalls and proxies let the workers reach it"
	}
	if timeout, is := errors.AsType[net.Error](err); is && timeout.Timeout() {
		return fmt.Sprintf("it did not answer within %s", answerTimeout), "let it answer before it works on the message; " + seeReceiver
	}
	return "it ended the connection without an answer", seeReceiver
}

// failedTo reports whether one of these operations of package net failed.
func failedTo(err error, operations ...string) bool {
	failed, is := errors.AsType[*net.OpError](err)
	return is && slices.Contains(operations, failed.Op)
}
