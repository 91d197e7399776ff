package ldaporg

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
)

const (
	connectDeadline = 10 * time.Second
	// answerDeadline bounds the wait for one answer, such as a page of a search.
	answerDeadline = time.Minute
)

// server is where a directory is and how to get in.
type server struct {
	// address is the URL without a path, and host its host with a port.
	address, host string
	// tls is nil for a connection that is not encrypted.
	tls      *tls.Config
	startTLS bool
	bind     config.LDAPBind
}

func newServer(configured config.LDAPProvider) (server, error) {
	address := strings.TrimRight(configured.Target, "/")
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" || parsed.User != nil || parsed.Path != "" || parsed.RawQuery != "" {
		return server{}, fault.New(fault.Input, "target is not the address of a server, such as ldaps://ds.example.net")
	}
	port := map[string]string{"ldap": ldap.DefaultLdapPort, "ldaps": ldap.DefaultLdapsPort}[parsed.Scheme]
	if port == "" {
		return server{}, fault.New(fault.Input, "target begins with neither ldap:// nor ldaps://")
	}
	if parsed.Port() != "" {
		port = parsed.Port()
	}
	made := server{address: address, host: net.JoinHostPort(parsed.Hostname(), port), startTLS: configured.TLS.StartTLS}
	if configured.Bind != nil {
		made.bind = *configured.Bind
	}
	if made.startTLS && parsed.Scheme == "ldaps" {
		return server{}, fault.New(fault.Input, "tls.startTLS is for ldap://: with ldaps://, the connection is encrypted from its beginning")
	}
	if parsed.Scheme == "ldaps" || made.startTLS {
		made.tls, err = tlsConfig(configured.TLS, parsed.Hostname())
	}
	return made, err
}

func tlsConfig(configured config.LDAPTLS, host string) (*tls.Config, error) {
	made := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	made.InsecureSkipVerify = !configured.RejectUnauthorized
	if configured.CA != "" {
		content, err := os.ReadFile(configured.CA)
		if err != nil {
			return nil, fault.New(fault.Input, "tls.ca: %s", err)
		}
		made.RootCAs = x509.NewCertPool()
		if !made.RootCAs.AppendCertsFromPEM(content) {
			return nil, fault.New(fault.Input, "tls.ca: %s has no certificate", configured.CA)
		}
	}
	if (configured.Certs == "") != (configured.Keys == "") {
		return nil, fault.New(fault.Input, "tls has only one of certs and keys: a certificate needs its key")
	}
	if configured.Certs != "" {
		certificate, err := tls.LoadX509KeyPair(configured.Certs, configured.Keys)
		if err != nil {
			return nil, fault.New(fault.Input, "tls.certs and tls.keys: %s", err)
		}
		made.Certificates = []tls.Certificate{certificate}
	}
	return made, nil
}

// connection is a connection that ends with its context.
type connection struct {
	*ldap.Conn

	ctx  context.Context //nolint:containedctx // It is that of one reading, like the connection.
	stop func() bool
	// requests counts what was sent.
	requests *int
}

// connect connects and binds.
func (s server) connect(ctx context.Context, requests *int) (*connection, error) {
	dialer := &net.Dialer{Timeout: connectDeadline}
	raw, err := dialer.DialContext(ctx, "tcp", s.host)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.address, err)
	}
	if s.tls != nil && !s.startTLS {
		encrypted := tls.Client(raw, s.tls)
		handshake, cancel := context.WithTimeout(ctx, connectDeadline)
		defer cancel()
		if err := encrypted.HandshakeContext(handshake); err != nil {
			raw.Close()
			return nil, s.failure(ctx, "connect", err)
		}
		raw = encrypted
	}
	conn := ldap.NewConn(raw, s.tls != nil && !s.startTLS)
	conn.SetTimeout(answerDeadline)
	conn.Start()
	made := &connection{Conn: conn, ctx: ctx, stop: context.AfterFunc(ctx, func() { conn.Close() }), requests: requests}
	if err := s.enter(made); err != nil {
		made.end()
		return nil, err
	}
	return made, nil
}

// enter encrypts the connection, where that is asked for, and binds.
func (s server) enter(conn *connection) error {
	if s.startTLS {
		*conn.requests++
		if err := conn.StartTLS(s.tls); err != nil {
			return s.failure(conn.ctx, "start TLS", err)
		}
	}
	if s.bind.DN == "" {
		return nil
	}
	*conn.requests++
	if err := conn.Bind(s.bind.DN, string(s.bind.Secret)); err != nil {
		return s.failure(conn.ctx, "bind as "+s.bind.DN, err)
	}
	return nil
}

// end closes the connection. There is nothing to do about an error.
func (c *connection) end() {
	c.stop()
	c.Close()
}

// passing are the results after which the same request may succeed later. All others are for a person to look at.
var passing = []uint16{
	ldap.ErrorNetwork, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultServerDown, ldap.LDAPResultTimeout,
	ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultConnectError, ldap.ErrorUnexpectedMessage, ldap.ErrorUnexpectedResponse,
	ldap.LDAPResultOperationsError, ldap.LDAPResultOther,
}

// failure is the error of an operation. It is a fault unless it may pass.
func (s server) failure(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s at %s: %w", what, s.address, ctx.Err())
	}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return fault.Wrap(fault.NotAllowed, err, "%s at %s: %s. Give the CA of the server in tls.ca", what, s.address, err)
	}
	answered, is := errors.AsType[*ldap.Error](err)
	if !is || slices.Contains(passing, answered.ResultCode) {
		return fmt.Errorf("%s at %s: %w", what, s.address, err)
	}
	switch answered.ResultCode {
	case ldap.LDAPResultNoSuchObject:
		return fault.Wrap(fault.NotFound, err, "%s at %s: %s", what, s.address, err)
	case ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		return fault.Wrap(fault.Input, err, "%s at %s: %s. The server answers no more entries: set options.paged.pageSize to a smaller number", what, s.address, err)
	default:
		return fault.Wrap(fault.NotAllowed, err, "%s at %s: %s", what, s.address, err)
	}
}

// readDirectory makes all searches.
func (p *Provider) readDirectory(ctx context.Context, page *provider.Page) ([]*entry, error) {
	conn, err := p.server.connect(ctx, &page.Requests)
	if err != nil {
		return nil, err
	}
	defer conn.end()
	names, err := p.namesOf(conn)
	if err != nil {
		return nil, err
	}
	var found []*entry
	for _, one := range p.searches {
		entries, err := p.search(conn, one, names, page)
		if err != nil {
			return nil, err
		}
		if found = append(found, entries...); len(found) > maxEntries {
			return nil, fault.New(fault.Input, "the directory has more than %d entries that match: narrow the filters", maxEntries)
		}
	}
	return found, nil
}

// names are the attributes with which a directory names its entries.
type names struct {
	dn, uuid string
	// binaryUUID means that the UUID is Microsoft's objectGUID, in bytes.
	binaryUUID bool
}

// namesOf are the configured names, or those of the vendor, which the root of the directory tells.
func (p *Provider) namesOf(conn *connection) (names, error) {
	*conn.requests++
	result, err := conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)",
		[]string{"forestFunctionality", "ipaDomainLevel", "aeRoot"}, nil))
	if err != nil {
		return names{}, p.server.failure(conn.ctx, "read the root", err)
	}
	made := names{dn: "entryDN", uuid: "entryUUID"}
	if len(result.Entries) == 1 {
		switch root := result.Entries[0]; {
		case root.GetAttributeValue("forestFunctionality") != "":
			made = names{dn: "distinguishedName", uuid: "objectGUID", binaryUUID: true}
		case root.GetAttributeValue("ipaDomainLevel") != "":
			made = names{dn: "dn", uuid: "ipaUniqueID"}
		case root.GetAttributeValue("aeRoot") != "":
			made = names{dn: "dn", uuid: "entryUUID"}
		}
	}
	if p.vendor.DNAttributeName != "" {
		made.dn = p.vendor.DNAttributeName
	}
	if p.vendor.UUIDAttributeName != "" {
		made.uuid, made.binaryUUID = p.vendor.UUIDAttributeName, made.binaryUUID && p.vendor.UUIDAttributeName == made.uuid
	}
	return made, nil
}

// search makes one search, page by page.
func (p *Provider) search(conn *connection, of search, named names, page *provider.Page) ([]*entry, error) {
	var found []*entry
	paging := ldap.NewControlPaging(of.pageSize)
	what := fmt.Sprintf("search %q", of.request.BaseDN)
	for {
		request := of.request
		if of.pageSize > 0 {
			request.Controls = []ldap.Control{paging}
		}
		*conn.requests++
		result, err := conn.Search(&request)
		if err != nil {
			return nil, p.server.failure(conn.ctx, what, err)
		}
		for _, raw := range result.Entries {
			if err := p.completeRanges(conn, raw); err != nil {
				return nil, err
			}
			found = append(found, of.entry(raw, named, p.vendor.DNCaseSensitive))
		}
		if len(result.Referrals) > 0 {
			page.Remark("%s refers to %s, which is not read", what, strings.Join(result.Referrals, ", "))
		}
		if len(found) > maxEntries {
			return nil, fault.New(fault.Input, "%s has more than %d entries: narrow options.filter", what, maxEntries)
		}
		answered, is := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !is || len(answered.Cookie) == 0 {
			return found, nil
		}
		paging.SetCookie(answered.Cookie)
	}
}

// completeRanges reads the rest of attributes of which Active Directory has answered a part, as "member;range=0-1499".
func (p *Provider) completeRanges(conn *connection, raw *ldap.Entry) error {
	for _, attribute := range slices.Clone(raw.Attributes) {
		name, isPart := rangeOf(attribute.Name)
		if !isPart {
			continue
		}
		whole := &ldap.EntryAttribute{Name: name, Values: attribute.Values, ByteValues: attribute.ByteValues}
		for last := attribute.Name; !strings.HasSuffix(last, "-*"); {
			if len(whole.Values) > maxEntries {
				return fault.New(fault.Input, "%s of %q has more than %d values", name, raw.DN, maxEntries)
			}
			*conn.requests++
			result, err := conn.Search(ldap.NewSearchRequest(raw.DN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)",
				[]string{name + ";range=" + strconv.Itoa(len(whole.Values)) + "-*"}, nil))
			if err != nil {
				return p.server.failure(conn.ctx, fmt.Sprintf("read %s of %q", name, raw.DN), err)
			}
			if len(result.Entries) != 1 || len(result.Entries[0].Attributes) != 1 || len(result.Entries[0].Attributes[0].Values) == 0 {
				return fmt.Errorf("%s of %q was changed while it was read", name, raw.DN)
			}
			more := result.Entries[0].Attributes[0]
			last = more.Name
			whole.Values, whole.ByteValues = append(whole.Values, more.Values...), append(whole.ByteValues, more.ByteValues...)
		}
		raw.Attributes = append(raw.Attributes, whole)
	}
	return nil
}

// rangeOf reports whether a name is that of a part of an attribute.
func rangeOf(name string) (string, bool) {
	whole, option, is := strings.Cut(name, ";")
	return whole, is && strings.HasPrefix(strings.ToLower(option), "range=")
}
