package hostevents

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Secret authenticates the deliveries of webhooks.
type Secret struct {
	// Value is shared with the forge. An empty one authenticates nothing.
	Value string
	// Host is the only host whose events it authenticates, "" for any.
	Host string
}

// Secrets are the secrets of a source: any of them may have been used.
type Secrets []Secret

// Signed finds the secret with which a body was signed by HMAC-SHA256. The signature is in hexadecimal digits, after a
// prefix. The comparison takes the same time for every wrong signature. Without such a secret the error is ErrSignature.
func (s Secrets) Signed(signature, prefix string, body []byte) (Secret, error) {
	digits, is := strings.CutPrefix(signature, prefix)
	sent, err := hex.DecodeString(digits)
	if !is || err != nil {
		return Secret{}, ErrSignature
	}
	return s.find(func(secret Secret) bool {
		mac := hmac.New(sha256.New, []byte(secret.Value))
		mac.Write(body)
		return hmac.Equal(mac.Sum(nil), sent)
	})
}

// Sent finds the secret that was sent as it is. Without such a secret the error is ErrSignature.
func (s Secrets) Sent(value string) (Secret, error) {
	sent := sha256.Sum256([]byte(value))
	return s.find(func(secret Secret) bool {
		known := sha256.Sum256([]byte(secret.Value))
		return subtle.ConstantTimeCompare(known[:], sent[:]) == 1
	})
}

func (s Secrets) find(is func(Secret) bool) (Secret, error) {
	for _, secret := range s {
		if secret.Value != "" && is(secret) {
			return secret, nil
		}
	}
	return Secret{}, ErrSignature
}

// Decode decodes a body. What is not JSON of this form is an input fault.
func Decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fault.Wrap(fault.Input, err, "the body is not what the forge sends: %s", err)
	}
	return nil
}

// IDOf is the id of a delivery: the one that the forge sent or, without it, a hash of the body.
func IDOf(sent string, body []byte) string {
	if sent != "" && len(sent) <= maxID && strings.IndexFunc(sent, isUnprintable) < 0 {
		return sent
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(body))
}

// isUnprintable matches what is in no id, and what the database may refuse.
func isUnprintable(c rune) bool { return c < ' ' || c > '~' }

// maxID bounds the id of a delivery, in bytes.
const maxID = 200
