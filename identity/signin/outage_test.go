package signin_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider/oidc"
	"github.com/portico-dev/portico/internal/testkit/oidctest"
)

// outage is a transport to a provider that does not answer requests to one path while it is set. Otherwise
// requests reach the provider. It is not changed while requests are on their way.
type outage struct {
	path string
	// status is answered, with what was sent as the text. 0 is a connection that breaks.
	status int
}

func (o *outage) RoundTrip(request *http.Request) (*http.Response, error) {
	if o.path == "" || !strings.HasSuffix(request.URL.Path, o.path) {
		return http.DefaultTransport.RoundTrip(request)
	}
	if o.status == 0 {
		return nil, errors.New("connection reset by peer")
	}
	sent := []byte(request.Header.Get("Authorization"))
	if request.Body != nil {
		form, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		sent = append(sent, form...)
	}
	return &http.Response{StatusCode: o.status, Status: http.StatusText(o.status), Header: http.Header{}, Request: request,
		Body: io.NopCloser(strings.NewReader(string(sent)))}, nil
}

// TestTextsOfAProviderAreNotLogged: they may repeat the secrets that were sent.
func TestTextsOfAProviderAreNotLogged(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable} {
		at, _ := oidctest.Mock(t, "oidc", nil)
		down := &outage{path: "/token", status: status}
		at.Options.Transport = down
		b := setUp(t, at)
		cookie, back := b.start(t, at)
		_, _, err := b.finish(t, "oidc", cookie, back, "")
		require.Error(t, err)
		require.Contains(t, b.log.String(), "a sign-in failed at the provider")
		require.NotContains(t, b.log.String(), back.Get("code"), status)
		require.NotContains(t, b.log.String(), at.Options.ClientSecret, status)

		down.path = ""
		secret := b.signIn(t, at)
		down.path = "/token"
		_, err = b.Refresh(t.Context(), "oidc", "test", secret)
		require.Error(t, err)
		require.NotContains(t, b.log.String(), "refresh_token=", status)
	}
}

// TestAProviderThatFailsHalfwaySignsNobodyOut: a failure at the keys or at the userinfo endpoint says nothing
// about the person. The provider takes each refresh token once, and has given the next one before the failure.
func TestAProviderThatFailsHalfwaySignsNobodyOut(t *testing.T) {
	t.Parallel()
	for _, down := range []outage{{"/keys", 0}, {"/keys", http.StatusServiceUnavailable}, {"/keys", http.StatusNotFound}, {"/userinfo", 0},
		{"/userinfo", http.StatusTooManyRequests}, {"/userinfo", http.StatusBadGateway}} {
		at := oidctest.Zitadel(t, "oidc")
		transport := &outage{}
		at.Options.Transport = transport
		b := setUp(t, at)
		secret := b.signIn(t, at)
		b.Clients[0].OAuth = oidc.New(at.Options) // it has no keys yet
		*transport = down
		_, err := b.Refresh(t.Context(), "oidc", "test", secret)
		require.Equal(t, fault.Unavailable, fault.KindOf(err), "%+v: %s", down, err)
		*transport = outage{}
		_, err = b.Refresh(t.Context(), "oidc", "test", secret)
		require.NoError(t, err, "%+v", down)
	}
}

// TestATokenThatTheUserinfoEndpointRefusesEndsTheSession.
func TestATokenThatTheUserinfoEndpointRefusesEndsTheSession(t *testing.T) {
	t.Parallel()
	at := oidctest.Zitadel(t, "oidc")
	transport := &outage{}
	at.Options.Transport = transport
	b := setUp(t, at)
	secret := b.signIn(t, at)
	*transport = outage{path: "/userinfo", status: http.StatusUnauthorized}
	_, err := b.Refresh(t.Context(), "oidc", "test", secret)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	require.EqualError(t, err, "The provider 'oidc' did not say who this is")
	require.NotContains(t, b.log.String(), "Bearer ")
}

// TestAGitHubThatFailsHalfwaySignsNobodyOut: the refresh tokens of a GitHub App are accepted once.
func TestAGitHubThatFailsHalfwaySignsNobodyOut(t *testing.T) {
	t.Parallel()
	for _, down := range []outage{{"/user", http.StatusBadGateway}, {"/user/emails", 0}} {
		b := setUpGitHub(t, byID)
		b.at.Expire()
		_, secret := b.signIn(t)
		*b.transport = down
		_, err := b.refresh(t, secret)
		require.Equal(t, fault.Unavailable, fault.KindOf(err), down.path)
		*b.transport = outage{}
		_, err = b.refresh(t, secret)
		require.NoError(t, err, down.path)
	}
}
