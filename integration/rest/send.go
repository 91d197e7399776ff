package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/portico-dev/portico/integration"
)

// maxRefusal bounds what is read of an answer that is no success.
const maxRefusal = 64 << 10

// RefusalError is an answer that is no success to a request of Send.
type RefusalError struct {
	Status int
	Header http.Header
	// Message is what the host said, "" when it said nothing.
	Message string
	// Body is the beginning of the answer, for hosts that say it in another form.
	Body []byte
}

func (r *RefusalError) Error() string {
	if r.Message == "" {
		return fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status))
	}
	return fmt.Sprintf("%d: %s", r.Status, r.Message)
}

// IsStatus reports whether the host refused a request with this status.
func IsStatus(err error, status int) bool {
	refusal, is := errors.AsType[*RefusalError](err)
	return is && refusal.Status == status
}

// Content is a body that is sent as it is, with its media type.
type Content struct {
	Type string
	Body []byte
}

// contentOf is a body for sending: JSON, unless it is a Content. Nil is none.
func contentOf(body any) (Content, error) {
	switch body := body.(type) {
	case nil:
		return Content{}, nil
	case Content:
		return body, nil
	default:
		encoded, err := json.Marshal(body)
		return Content{Type: "application/json", Body: encoded}, err
	}
}

// Send makes a request that may change something, for an escaped path below the API's base. The body becomes
// JSON unless it is nil or a Content, and the answer is decoded into a value unless that is nil. The error is a
// *RefusalError for an answer that is no success, else that of integration.RequestError.
func (c *Client) Send(ctx context.Context, method, path string, body, into any) error {
	address := c.options.BaseURL + path
	content, err := contentOf(body)
	if err != nil {
		return fmt.Errorf("request to %s: %w", address, err)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(content.Body))
	if err != nil {
		return fmt.Errorf("request to %s: %w", address, err)
	}
	request.Header.Set("User-Agent", "portico")
	request.Header.Set("Accept", "application/json")
	if content.Type != "" {
		request.Header.Set("Content-Type", content.Type)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return integration.RequestError(address, err)
	}
	defer response.Body.Close()
	if c.isRefusal(response.StatusCode) {
		return refusalOf(response)
	}
	if into == nil || response.StatusCode == http.StatusNoContent {
		return nil
	}
	answer := bufio.NewReader(http.MaxBytesReader(nil, response.Body, maxAnswerBytes))
	if start, err := answer.Peek(len(gerritsPrefix)); err == nil && string(start) == gerritsPrefix {
		_, _ = answer.Discard(len(gerritsPrefix)) // Peek has read it.
	}
	if err := json.NewDecoder(answer).Decode(into); err != nil {
		return fmt.Errorf("%s answered %s with something other than the expected JSON: %w", c.options.Name, path, err)
	}
	return nil
}

// gerritsPrefix is before the JSON of Gerrit's answers, so that no page can run them as a script.
const gerritsPrefix = ")]}'\n"

// isRefusal reports whether a status is no success. Azure answers rejected credentials with 203 and a sign-in page.
func (c *Client) isRefusal(status int) bool {
	isRedirect := status >= http.StatusMultipleChoices && status < http.StatusBadRequest
	return status >= http.StatusBadRequest || isRedirect && !c.options.RedirectsAnswer || status == http.StatusNonAuthoritativeInfo
}

// refusalOf reads the message of an answer: a text, or one of the fields in which hosts put it.
func refusalOf(response *http.Response) *RefusalError {
	refusal := &RefusalError{Status: response.StatusCode, Header: response.Header}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if err != nil {
		return refusal
	}
	refusal.Body = content
	var said struct {
		Message string `json:"message"`
		// Quay's message is here.
		ErrorMessage string `json:"error_message"`
		Error        struct {
			Message string `json:"message"`
			Detail  string `json:"detail"`
		} `json:"error"`
	}
	if json.Unmarshal(content, &said) == nil {
		refusal.Message = strings.TrimSpace(said.Message + said.ErrorMessage + said.Error.Message + " " + said.Error.Detail)
	} else if !strings.HasPrefix(strings.TrimSpace(string(content)), "<") {
		refusal.Message = strings.TrimSpace(string(content))
	}
	// Bitbucket Server has a list of messages.
	var listed struct {
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if refusal.Message == "" && json.Unmarshal(content, &listed) == nil {
		for _, one := range listed.Errors {
			refusal.Message = strings.TrimSpace(refusal.Message + " " + one.Message)
		}
	}
	return refusal
}
