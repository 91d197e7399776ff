package forgetest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/box"

	"github.com/portico-dev/portico/internal/devstack/forge"
)

// Secret is the value that a workflow of a repository would be given for one of its Actions secrets: the
// forge keeps it sealed, beside the key.
func (s *Server) Secret(t testing.TB, owner, repository, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dataDir, "repositories", owner, repository+".git", "portico.json"))
	require.NoError(t, err)
	var kept struct {
		Secrets map[string]struct {
			Sealed []byte `json:"sealed"`
		} `json:"secrets"`
		Key struct {
			Public  []byte `json:"public"`
			Private []byte `json:"private"`
		} `json:"key"`
	}
	require.NoError(t, json.Unmarshal(content, &kept))
	opened, ok := box.OpenAnonymous(nil, kept.Secrets[name].Sealed, (*[32]byte)(kept.Key.Public), (*[32]byte)(kept.Key.Private))
	require.True(t, ok, "secret %s of %s/%s", name, owner, repository)
	return string(opened)
}

// appKey is the key pair of the tests' GitHub Apps. Making one takes a while.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// RegisterApp registers a GitHub App that has these permissions where it is installed, and returns its
// private key in PEM.
func (s *Server) RegisterApp(t testing.TB, id int64, permissions map[string]string) string {
	t.Helper()
	key, err := appKey()
	require.NoError(t, err)
	require.NoError(t, s.AddApp(forge.App{ID: id, Name: "Portico", PublicKey: &key.PublicKey, Permissions: permissions}))
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}
