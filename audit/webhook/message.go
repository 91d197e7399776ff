package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/portico-dev/portico/audit"
)

// sign is the value of the header webhook-signature of Standard Webhooks.
func sign(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// request is the message of a batch. Its id, the hash at the end of the batch, is the same for each attempt.
func (s *Sender) request(ctx context.Context, batch audit.Batch) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.options.URL, bytes.NewReader(batch.Lines))
	if err != nil {
		return nil, errors.New("portico.audit.webhook.url is not a URL") // without the cause, which repeats it
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("User-Agent", "Portico")
	request.Header.Set("Webhook-Id", batch.Head)
	request.Header.Set("Webhook-Timestamp", timestamp)
	request.Header.Set("Webhook-Signature", sign(s.options.Secret, batch.Head, timestamp, batch.Lines))
	return request, nil
}
