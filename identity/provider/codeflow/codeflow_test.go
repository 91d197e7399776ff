package codeflow_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider/codeflow"
)

// TestOnlyTheEndOfAGrantIsARefusalOfThePerson: whatever else a token endpoint says is about the client or the
// provider, and must end nobody's session.
func TestOnlyTheEndOfAGrantIsARefusalOfThePerson(t *testing.T) {
	t.Parallel()
	for code, kind := range map[string]fault.Kind{
		"invalid_grant":                fault.Authentication,
		"interaction_required":         fault.Authentication,
		"bad_refresh_token":            fault.Authentication,
		"bad_verification_code":        fault.Authentication,
		"access_denied":                fault.Unavailable,
		"invalid_client":               fault.Unavailable,
		"unauthorized_client":          fault.Unavailable,
		"invalid_scope":                fault.Unavailable,
		"invalid_request":              fault.Unavailable,
		"unsupported_grant_type":       fault.Unavailable,
		"incorrect_client_credentials": fault.Unavailable,
		"redirect_uri_mismatch":        fault.Unavailable,
		"server_error":                 fault.Unavailable,
		"a new code":                   fault.Unavailable,
		"":                             fault.Unavailable,
	} {
		answered := &oauth2.RetrieveError{ErrorCode: code, Response: &http.Response{Status: "400 Bad Request"}, Body: []byte("what was sent")}
		err := codeflow.Refused("okta", answered)
		require.Equal(t, kind, fault.KindOf(err), code)
		require.ErrorContains(t, err, code, "the operator learns the code")
		require.NotContains(t, err.Error(), "what was sent")
		require.NotErrorIs(t, err, answered, "whose text has the whole answer")
	}
	require.ErrorContains(t, codeflow.Refused("okta", &oauth2.RetrieveError{Response: &http.Response{Status: "404 Not Found"}}), "'404 Not Found'")
	require.Equal(t, fault.Unavailable, fault.KindOf(codeflow.Refused("okta", errors.New("connection reset by peer"))))
}

func TestOnlyTheStatusesOfATokenThatIsNotAcceptedAreRefusals(t *testing.T) {
	t.Parallel()
	for status, expected := range map[int]bool{
		http.StatusUnauthorized: true, http.StatusForbidden: true,
		http.StatusBadRequest: false, http.StatusNotFound: false, http.StatusTooManyRequests: false, http.StatusBadGateway: false,
	} {
		require.Equal(t, expected, codeflow.IsRefusal(&codeflow.StatusError{Status: status}), status)
	}
	require.False(t, codeflow.IsRefusal(errors.New("connection reset by peer")))
}
