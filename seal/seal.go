// Package seal encrypts secrets at rest with AES-256-GCM. Keys have names, so that keys can be rotated while
// secrets sealed with older keys stay readable. It stores nothing.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
)

// KeySize is the length of a key in bytes (AES-256).
const KeySize = 32

// Key is a named key. ID is at most 255 bytes and is stored in clear text with each sealed secret.
type Key struct {
	ID     string
	Secret []byte
}

// Keyring seals with its first key and opens with any of its keys. It is safe for concurrent use.
type Keyring struct {
	current string
	ciphers map[string]cipher.AEAD
}

// NewKeyring needs at least one key of KeySize bytes. The first one seals.
func NewKeyring(keys ...Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("no encryption key")
	}
	ring := &Keyring{current: keys[0].ID, ciphers: map[string]cipher.AEAD{}}
	for _, key := range keys {
		if len(key.ID) == 0 || len(key.ID) > 255 {
			return nil, fmt.Errorf("encryption key %q: the id must have 1 to 255 bytes", key.ID)
		}
		if len(key.Secret) != KeySize {
			return nil, fmt.Errorf("encryption key %q: has %d bytes, wants %d", key.ID, len(key.Secret), KeySize)
		}
		block, err := aes.NewCipher(key.Secret)
		if err != nil {
			return nil, fmt.Errorf("encryption key %q: %w", key.ID, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("encryption key %q: %w", key.ID, err)
		}
		ring.ciphers[key.ID] = aead
	}
	return ring, nil
}

// ParseKey decodes a key's secret from base64, the form in the configuration.
func ParseKey(id, encoded string) (Key, error) {
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Key{}, fmt.Errorf("encryption key %q is not base64: %w", id, err)
	}
	return Key{ID: id, Secret: secret}, nil
}

// GenerateKey makes a random key.
func GenerateKey(id string) Key {
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return Key{ID: id, Secret: secret}
}

// Seal encrypts plain. The result contains the key's id, a nonce and the ciphertext. context is
// authenticated, so that a secret that was sealed for one row cannot be opened for another.
func (k *Keyring) Seal(plain []byte, context string) []byte {
	aead := k.ciphers[k.current]
	sealed := append([]byte{byte(len(k.current))}, k.current...)
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	sealed = append(sealed, nonce...)
	return aead.Seal(sealed, nonce, plain, []byte(context))
}

// Open decrypts the result of Seal for the same context.
func (k *Keyring) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) == 0 || len(sealed) < 1+int(sealed[0]) {
		return nil, errors.New("sealed value is cut short")
	}
	id := string(sealed[1 : 1+int(sealed[0])])
	aead, known := k.ciphers[id]
	if !known {
		return nil, fmt.Errorf("sealed with key %q, which is not configured", id)
	}
	rest := sealed[1+int(sealed[0]):]
	if len(rest) < aead.NonceSize() {
		return nil, errors.New("sealed value is cut short")
	}
	plain, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], []byte(context))
	if err != nil {
		return nil, fmt.Errorf("open value sealed with key %q: %w", id, err)
	}
	return plain, nil
}
