package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// recoverPanics turns a panic in a handler into a 500 with an id, so that it ends that request only. A
// response that has begun is cut off.
func (s *Server) recoverPanics(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, is := cause.(error); is && errors.Is(err, http.ErrAbortHandler) {
			panic(http.ErrAbortHandler) // net/http then closes the connection
		}
		failed, err := &call{Context: c}, fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		if c.Writer.Written() {
			s.breakOff(failed, err)
		}
		s.fail(failed, "", err)
		c.Abort()
	}()
	c.Next()
}

// strictTransport tells browsers to use TLS only, for 180 days as Backstage does.
const strictTransport = "max-age=15552000; includeSubDomains"

// secureHeaders sets the headers of Backstage's helmet, with a content policy that lets a response do nothing.
// Pages set their own. served means that the server's address is https: a proxy ends TLS.
func secureHeaders(served bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		header := c.Writer.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "SAMEORIGIN")
		header.Set("X-Permitted-Cross-Domain-Policies", "none")
		if served || isSecure(c) {
			header.Set("Strict-Transport-Security", strictTransport)
		}
		c.Next()
	}
}

// CORS is what pages of other origins may do: backend.cors.
type CORS struct {
	// Origins are scheme://host or scheme://host:port, ignoring case. A * matches characters of one label of
	// the host, *. at its beginning any labels, and a * alone any host, or port.
	Origins []string
	// Methods are the allowed methods. AllowedHeaders are the request headers allowed, any when empty.
	// ExposedHeaders are the additional response headers that pages may read.
	Methods, AllowedHeaders, ExposedHeaders []string
	// Credentials allows cookies.
	Credentials bool
	// MaxAge is how long a browser may cache a preflight; 0 leaves that to the browser.
	MaxAge time.Duration
}

// crossOrigin answers preflights and sets the allowed origin. It runs before authentication and on errors
// too: a preflight has no token, and a browser that may not read a 401 shows "Failed to fetch".
func crossOrigin(allowed CORS, origins []originPattern) gin.HandlerFunc {
	return func(c *gin.Context) {
		origin := c.GetHeader("Origin")
		if !anyMatches(origins, origin) {
			c.Next()
			return
		}
		header := c.Writer.Header()
		header.Set("Access-Control-Allow-Origin", origin)
		header.Add("Vary", "Origin, Access-Control-Request-Headers")
		if allowed.Credentials {
			header.Set("Access-Control-Allow-Credentials", "true")
		}
		if len(allowed.ExposedHeaders) > 0 {
			header.Set("Access-Control-Expose-Headers", strings.Join(allowed.ExposedHeaders, ","))
		}
		if c.Request.Method != http.MethodOptions {
			c.Next()
			return
		}
		header.Set("Access-Control-Allow-Methods", strings.Join(allowed.Methods, ","))
		if headers := cmp.Or(strings.Join(allowed.AllowedHeaders, ","), c.GetHeader("Access-Control-Request-Headers")); headers != "" {
			header.Set("Access-Control-Allow-Headers", headers)
		}
		if allowed.MaxAge > 0 {
			header.Set("Access-Control-Max-Age", strconv.Itoa(int(allowed.MaxAge.Seconds())))
		}
		c.AbortWithStatus(http.StatusNoContent)
	}
}
