package openid

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// keys are the secrets of a provider, as they are stored.
type keys struct {
	ClientSecret string `json:"clientSecret"`
	// Codes encrypts authorization codes.
	Codes []byte `json:"codes"`
	// Signing is the private key of tokens (PKCS #8).
	Signing []byte `json:"signing"`

	signing *rsa.PrivateKey
}

const (
	rsaBits   = 2048
	keyID     = "1"
	algorithm = jose.RS256
)

// openKeys reads the stored keys, or makes new ones.
func openKeys(file string) (*keys, error) {
	read := &keys{}
	err := readJSON(file, read)
	if errors.Is(err, fs.ErrNotExist) {
		if read, err = newKeys(); err == nil {
			err = writeJSON(file, read)
		}
	}
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(read.Signing)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; delete it, and everybody signs in again", file, err)
	}
	private, is := parsed.(*rsa.PrivateKey)
	if !is || len(read.Codes) != len(read.crypto()) || read.ClientSecret == "" {
		return nil, fmt.Errorf("%s is not complete: delete it, and everybody signs in again", file)
	}
	read.signing = private
	return read, nil
}

func newKeys() (*keys, error) {
	private, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	made := &keys{ClientSecret: rand.Text(), Codes: make([]byte, len([32]byte{})), Signing: encoded}
	_, err = rand.Read(made.Codes)
	return made, err
}

func (k *keys) crypto() (key [32]byte) {
	copy(key[:], k.Codes)
	return key
}

// signingKey implements op.SigningKey, and publicKey op.Key.
type (
	signingKey struct{ private *rsa.PrivateKey }
	publicKey  struct{ public *rsa.PublicKey }
)

var (
	_ op.SigningKey = signingKey{}
	_ op.Key        = publicKey{}
)

func (signingKey) ID() string                                  { return keyID }
func (signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return algorithm }
func (k signingKey) Key() any                                  { return k.private }

func (publicKey) ID() string                         { return keyID }
func (publicKey) Algorithm() jose.SignatureAlgorithm { return algorithm }
func (publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                         { return k.public }

func readJSON(file string, into any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w; delete it, and everybody signs in again", file, err)
	}
	return nil
}

// writeJSON replaces the file as a whole: a process that is killed leaves the old one.
func writeJSON(file string, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	written, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = written.Write(content)
	if err = errors.Join(err, written.Close()); err == nil {
		err = os.Rename(written.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(written.Name()))
	}
	return nil
}
