package api

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/proxy"
)

// proxied are the methods of the proxy, with what the audit log gets of each.
var proxied = []struct {
	method string
	audit  auditing
}{
	{http.MethodGet, auditing{}},
	{http.MethodHead, unrecorded("it reads")},
	{http.MethodOptions, unrecorded("it reads")},
	{http.MethodPost, records(audit.ProxyRequest)},
	{http.MethodPut, records(audit.ProxyRequest)},
	{http.MethodPatch, records(audit.ProxyRequest)},
	{http.MethodDelete, records(audit.ProxyRequest)},
}

// NewProxyPlugin passes requests on to the servers of proxy.endpoints.
func NewProxyPlugin(service *proxy.Service) Plugin {
	p := &proxyRoutes{service: service}
	routes := make([]route, 0, len(proxied))
	for _, each := range proxied {
		routes = append(routes, route{method: each.method, path: "/*path", access: authenticatedUnless(p.isOpen), audit: each.audit, looseQuery: true,
			summary: "Passes a request on to the server of an endpoint of the configuration",
			serve: endpoint{answer: answer{status: http.StatusOK, description: "what the server answers, with its status", content: anyContent},
				piecemeal: true, handle: p.pass},
			fails: []fault.Kind{fault.BadGateway}, also: []answer{{status: http.StatusNotFound, description: "there is no such endpoint, or it does not take this method"}}})
	}
	return plugin{id: "proxy", routes: routes}
}

// answersOfOthers lets a browser run nothing of what another server answers: it would have the origin of the portal.
const answersOfOthers = "default-src 'none'; sandbox"

type proxyRoutes struct{ service *proxy.Service }

// pathOf is the path of a request below the proxy, escaped.
func pathOf(r *http.Request) string { return strings.TrimPrefix(r.URL.EscapedPath(), proxy.Prefix) }

// isOpen reports whether the endpoint of a request needs no credentials.
func (p *proxyRoutes) isOpen(r *http.Request) bool { return p.service.IsOpen(pathOf(r)) }

// pass streams the request to the server, and its answer back.
func (p *proxyRoutes) pass(c *call) error {
	request := proxy.Request{Method: c.Request.Method, Path: pathOf(c.Request), Query: c.Request.URL.RawQuery, Host: c.Request.Host, Header: c.Request.Header}
	body, err := readBounded(c.Request, c.Writer, maxBody)
	if err != nil {
		return err
	}
	if len(body) > 0 {
		request.Body, request.Length = strings.NewReader(string(body)), int64(len(body))
	}
	response, err := p.service.Send(c.Request.Context(), c.principal, request)
	if fault.KindOf(err) == fault.NotFound {
		c.Status(http.StatusNotFound) // without a body, as Backstage
		c.Writer.WriteHeaderNow()
		return nil
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	maps.Copy(c.Writer.Header(), response.Header)
	c.Writer.Header().Set(contentPolicyHeader, answersOfOthers)
	c.Status(response.StatusCode)
	c.Writer.WriteHeaderNow()
	return stream(c.Writer, response.Body)
}

// stream copies a body, and sends each part when it is there.
func stream(to http.ResponseWriter, from io.Reader) error {
	control, part := http.NewResponseController(to), make([]byte, 32<<10)
	for {
		n, err := from.Read(part)
		if n > 0 {
			if _, err := to.Write(part[:n]); err != nil {
				return err
			}
			if err := control.Flush(); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
