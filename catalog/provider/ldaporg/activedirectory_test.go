package ldaporg_test

import (
	"net"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
)

// attributes are the values of an entry.
type attributes map[string][]string

// activeDirectory answers like Active Directory, which does not run here: by the names of its attributes, and with large
// ones in parts, as its documentation says. An answer is found by the base of a search and its first attribute.
func activeDirectory(t *testing.T, entries map[string]map[string]attributes) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go serveDirectory(client, entries)
		}
	}()
	return "ldap://" + listener.Addr().String()
}

func serveDirectory(client net.Conn, entries map[string]map[string]attributes) {
	defer client.Close()
	for {
		request, err := ber.ReadPacket(client)
		if err != nil {
			return
		}
		id, asked := request.Children[0].Value, request.Children[1]
		done := ber.Tag(ldap.ApplicationBindResponse)
		if asked.Tag == ldap.ApplicationSearchRequest {
			done = ldap.ApplicationSearchResultDone
			base, first := asked.Children[0].Data.String(), asked.Children[7].Children[0].Data.String()
			for dn, found := range entries[base+"?"+first] {
				client.Write(message(id, entryOf(dn, found)).Bytes()) //nolint:errcheck // The client may have gone.
			}
		}
		result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, done, nil, "")
		result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(0), ""))
		result.AppendChild(text(""))
		result.AppendChild(text(""))
		client.Write(message(id, result).Bytes()) //nolint:errcheck // The client may have gone.
	}
}

func text(value string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "")
}

func message(id any, answer *ber.Packet) *ber.Packet {
	packet := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	packet.AppendChild(answer)
	return packet
}

func entryOf(dn string, of attributes) *ber.Packet {
	packet := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	packet.AppendChild(text(dn))
	all := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	for name, values := range of {
		one := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
		one.AppendChild(text(name))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, value := range values {
			set.AppendChild(text(value))
		}
		one.AppendChild(set)
		all.AppendChild(one)
	}
	packet.AppendChild(all)
	return packet
}

// TestActiveDirectory: ids in bytes, and members of a large group in parts.
func TestActiveDirectory(t *testing.T) {
	t.Parallel()
	const below = ",DC=example,DC=net"
	people := map[string]attributes{}
	for _, name := range []string{"ada", "bob", "eve"} {
		people["CN="+name+",OU=People"+below] = attributes{"sAMAccountName": {name}, "cn": {strings.ToUpper(name)}}
	}
	people["CN=ada,OU=People"+below]["objectGUID"] = []string{"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"}
	people["CN=ada,OU=People"+below]["distinguishedName"] = []string{"CN=ada,OU=People" + below}
	large := "CN=large,OU=Groups" + below
	entries := map[string]map[string]attributes{
		"?forestFunctionality":      {"": {"forestFunctionality": {"7"}}},
		"OU=People" + below + "?*":  people,
		"OU=Groups" + below + "?*":  {large: {"cn": {"large"}, "member": {}, "member;range=0-0": {"CN=ada,OU=People" + below}}},
		large + "?member;range=1-*": {large: {"member;range=1-1": {"CN=bob,OU=People" + below}}},
		large + "?member;range=2-*": {large: {"member;range=2-*": {"CN=eve,OU=People" + below}}},
	}
	directory := func(c *config.LDAPProvider) {
		c.Users[0].DN, c.Groups[0].DN = "OU=People"+below, "OU=Groups"+below
		c.Users[0].Map.Name, c.Users[0].Map.RDN = "sAMAccountName", "cn"
	}
	page, made := found(t, newSource(t, activeDirectory(t, entries), directory))
	require.Len(t, made, 4)
	require.Equal(t, 6, page.Requests, "to bind, the root, two searches, and two parts")
	for _, name := range []string{"ada", "bob", "eve"} {
		require.Equal(t, []any{"group:default/large"}, made["user:default/"+name].Entity.Spec()["memberOf"], name)
	}
	ada := made["user:default/ada"].Entity
	require.Equal(t, "00112233-4455-6677-8899-aabbccddeeff", ada.Annotation("backstage.io/ldap-uuid"))
	require.Equal(t, "CN=ada,OU=People"+below, ada.Annotation("backstage.io/ldap-dn"))

	// A part that is missing is an error.
	delete(entries, large+"?member;range=2-*")
	_, err := newSource(t, activeDirectory(t, entries), directory).ReadPage(t.Context(), "")
	require.ErrorContains(t, err, "was changed while it was read")
}
