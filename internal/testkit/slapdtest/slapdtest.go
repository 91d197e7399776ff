// Package slapdtest runs a real OpenLDAP for a test, with a directory of a few people and groups, behind a proxy that
// counts requests and injects faults. It is for tests only.
package slapdtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
)

const (
	// Suffix is the root of the directory, and Reader who may read it, with the password Secret.
	Suffix = "dc=example,dc=net"
	Reader = "uid=reader,ou=robots," + Suffix
	Secret = "of-the-reader"

	administrator = "cn=admin," + Suffix
	password      = "of-the-administrator"
	// variable names the program, which is searched for otherwise.
	variable = "PORTICO_SLAPD"
)

// Server is a running OpenLDAP. It answers at most three entries of a search without pages.
type Server struct {
	// URL and SecureURL are its addresses, and CA is a file with the authority of its certificate.
	URL, SecureURL, CA string
}

// homes are where the schemas and modules are on the systems that have packages of OpenLDAP.
var homes = []struct{ schemas, modules string }{
	{"/etc/ldap/schema", "/usr/lib/ldap"}, {"/etc/openldap/schema", "/usr/lib/openldap"}, {"/etc/openldap/schema", "/usr/lib64/openldap"},
}

// Start runs an OpenLDAP until the test ends. Where none is installed, it skips the test.
func Start(t testing.TB) *Server {
	t.Helper()
	program := os.Getenv(variable)
	if program == "" {
		var err error
		if program, err = exec.LookPath("slapd"); err != nil {
			program = "/usr/sbin/slapd"
		}
	}
	if _, err := os.Stat(program); err != nil {
		t.Skipf("no slapd: install the package slapd, or name the program in %s", variable)
	}
	directory, plain, secure := t.TempDir(), freePort(t), freePort(t)
	s := &Server{URL: "ldap://" + plain, SecureURL: "ldaps://" + secure, CA: filepath.Join(directory, "ca.pem")}
	writeCertificate(t, directory)
	settings := filepath.Join(directory, "slapd.conf")
	require.NoError(t, os.Mkdir(filepath.Join(directory, "data"), 0o700))
	require.NoError(t, os.WriteFile(settings, []byte(configuration(t, directory)), 0o600))
	command := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-d", "0", "-f", settings, "-h", s.URL+" "+s.SecureURL) //nolint:gosec // Its callers are tests.
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		command.Process.Kill() //nolint:errcheck // It may have ended.
		command.Wait()         //nolint:errcheck // It was killed.
	})
	require.Eventually(t, func() bool {
		connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", plain)
		if err == nil {
			connection.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond, "slapd serves")
	s.Add(t, Suffix, "dcObject organization", "dc=example", "o=Example")
	for _, unit := range []string{"people", "groups", "robots"} {
		s.Add(t, "ou="+unit+","+Suffix, "organizationalUnit", "ou="+unit)
	}
	s.Add(t, Reader, "inetOrgPerson", "uid=reader", "cn=Reader", "sn=Reader", "userPassword="+Secret)
	return s
}

func configuration(t testing.TB, directory string) string {
	t.Helper()
	for _, home := range homes {
		if _, err := os.Stat(filepath.Join(home.schemas, "inetorgperson.schema")); err != nil {
			continue
		}
		return strings.NewReplacer("SCHEMAS", home.schemas, "MODULES", home.modules, "DIRECTORY", directory, "SUFFIX", Suffix,
			"ADMINISTRATOR", administrator, "PASSWORD", password, "READER", Reader).Replace(`
include SCHEMAS/core.schema
include SCHEMAS/cosine.schema
include SCHEMAS/inetorgperson.schema
modulepath MODULES
moduleload back_mdb
moduleload memberof
pidfile DIRECTORY/pid
argsfile DIRECTORY/args
TLSCertificateFile DIRECTORY/cert.pem
TLSCertificateKeyFile DIRECTORY/key.pem
sizelimit size.soft=3 size.hard=3 size.prtotal=unlimited
database mdb
suffix "SUFFIX"
rootdn "ADMINISTRATOR"
rootpw PASSWORD
directory DIRECTORY/data
maxsize 16777216
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="READER" read by * none
overlay memberof
`)
	}
	t.Skip("the schemas of OpenLDAP are not where its packages put them")
	return ""
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// writeCertificate writes a certificate that is its own authority.
func writeCertificate(t testing.TB, directory string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "slapd of a test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: certificate}, "ca.pem": {Type: "CERTIFICATE", Bytes: certificate},
		"key.pem": {Type: "PRIVATE KEY", Bytes: encoded},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), pem.EncodeToMemory(block), 0o600))
	}
}

// administrate lets the administrator do something.
func (s *Server) administrate(t testing.TB, do func(*ldap.Conn) error) {
	t.Helper()
	connection, err := ldap.DialURL(s.URL)
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, connection.Bind(administrator, password))
	require.NoError(t, do(connection))
}

// Add adds an entry. Classes have spaces between them, and attributes are as "cn=Ada".
func (s *Server) Add(t testing.TB, dn, classes string, attributes ...string) {
	t.Helper()
	s.administrate(t, func(connection *ldap.Conn) error {
		var controls []ldap.Control
		if strings.Contains(classes, "referral") {
			controls = append(controls, ldap.NewControlManageDsaIT(true))
		}
		request := ldap.NewAddRequest(dn, controls)
		request.Attribute("objectClass", strings.Fields(classes))
		values := map[string][]string{}
		for _, attribute := range attributes {
			name, value, _ := strings.Cut(attribute, "=")
			values[name] = append(values[name], value)
		}
		for name, all := range values {
			request.Attribute(name, all)
		}
		return connection.Add(request)
	})
}

// Remove removes an entry.
func (s *Server) Remove(t testing.TB, dn string) {
	t.Helper()
	s.administrate(t, func(connection *ldap.Conn) error { return connection.Del(ldap.NewDelRequest(dn, nil)) })
}

// Person adds a person with a name, and returns the distinguished name.
func (s *Server) Person(t testing.TB, uid, name string) string {
	t.Helper()
	dn := fmt.Sprintf("uid=%s,ou=people,%s", uid, Suffix)
	s.Add(t, dn, "inetOrgPerson", "uid="+uid, "cn="+name, "sn="+name, "mail="+uid+"@example.net")
	return dn
}

// Group adds a group with members, and returns the distinguished name.
func (s *Server) Group(t testing.TB, cn string, members ...string) string {
	t.Helper()
	dn := fmt.Sprintf("cn=%s,ou=groups,%s", cn, Suffix)
	attributes := []string{"cn=" + cn, "description=The group " + cn}
	for _, member := range members {
		attributes = append(attributes, "member="+member)
	}
	s.Add(t, dn, "groupOfNames", attributes...)
	return dn
}
