package slapdtest

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
)

// Fault handles a request in place of the server. It has the form of a fault of an HTTP server, so that the tests of
// providers can be used: the writer is an *Exchange, and the request has a context that ends with the connection.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Proxy is between a client and the server.
type Proxy struct {
	URL  string
	pick atomic.Pointer[func(*http.Request) Fault]
}

// Proxy starts a proxy before the server, until the test ends.
func (s *Server) Proxy(t testing.TB) *Proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	p := &Proxy{URL: "ldap://" + listener.Addr().String()}
	p.Inject(nil)
	ctx := context.WithoutCancel(t.Context())
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(ctx, client, strings.TrimPrefix(s.URL, "ldap://"))
		}
	}()
	return p
}

// Inject calls pick for every request from now on, to choose its fault. Nil ends all faults.
func (p *Proxy) Inject(pick func(*http.Request) Fault) {
	if pick == nil {
		pick = func(*http.Request) Fault { return nil }
	}
	p.pick.Store(&pick)
}

// serve passes requests on, one after another.
func (p *Proxy) serve(ctx context.Context, client net.Conn, address string) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(client, server) //nolint:errcheck // One of them has gone.
		client.Close()
	}()
	for {
		request, err := ber.ReadPacket(client)
		if err != nil || len(request.Children) < 2 {
			return
		}
		if fault := (*p.pick.Load())(&http.Request{Header: http.Header{}}); fault != nil {
			inject(fault, client, request)
			return
		}
		if _, err := server.Write(request.Bytes()); err != nil {
			return
		}
	}
}

// inject lets a fault answer a request, after which the connection is closed.
func inject(fault Fault, client net.Conn, request *ber.Packet) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		client.Read(make([]byte, 1)) //nolint:errcheck // It returns when the client has gone.
		cancel()
	}()
	asked, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", http.NoBody)
	if err != nil {
		return
	}
	fault(&Exchange{client: client, request: request}, asked, nil)
}

// Exchange is a request that a fault answers.
type Exchange struct {
	client  net.Conn
	request *ber.Packet
}

// Header implements http.ResponseWriter.
func (*Exchange) Header() http.Header { return http.Header{} }

// WriteHeader implements http.ResponseWriter.
func (*Exchange) WriteHeader(int) {}

// Write implements http.ResponseWriter: it sends bytes as they are.
func (e *Exchange) Write(content []byte) (int, error) { return e.client.Write(content) }

// answers are the kinds of answers to requests.
var answers = map[ber.Tag]ber.Tag{
	ldap.ApplicationBindRequest: ldap.ApplicationBindResponse, ldap.ApplicationSearchRequest: ldap.ApplicationSearchResultDone,
	ldap.ApplicationExtendedRequest: ldap.ApplicationExtendedResponse,
}

// refusal is an answer with a result.
func (e *Exchange) refusal(code uint16) []byte {
	id, _ := e.request.Children[0].Value.(int64)
	packet := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	answer := ber.Encode(ber.ClassApplication, ber.TypeConstructed, answers[e.request.Children[1].Tag], nil, "")
	answer.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), ""))
	answer.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	answer.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "no", ""))
	packet.AppendChild(answer)
	return packet.Bytes()
}

// Refuse is a fault that answers with a result of LDAP.
func Refuse(code uint16) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		exchange := w.(*Exchange)              //nolint:forcetypeassert // It is one by the contract of Fault.
		exchange.Write(exchange.refusal(code)) //nolint:errcheck // The client may have gone.
	}
}

// BreakOff is a fault that sends half of an answer.
func BreakOff(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	exchange := w.(*Exchange) //nolint:forcetypeassert // It is one by the contract of Fault.
	whole := exchange.refusal(ldap.LDAPResultSuccess)
	exchange.Write(whole[:len(whole)/2]) //nolint:errcheck // The client may have gone.
}
