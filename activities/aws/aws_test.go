package aws_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/aws"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/awstest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// at are the actions on a stand-in.
func at(address string) []action.Action {
	return aws.Actions(aws.Options{Account: &aws.Account{AccessKeyID: awstest.AccessKeyID, SecretAccessKey: awstest.SecretAccessKey},
		Endpoint: address, Transport: http.DefaultTransport, Profiles: []string{"payments"}})
}

func TestCreatingConforms(t *testing.T) {
	t.Parallel()
	for id, test := range map[string]struct {
		input string
		use   func(*awstest.Server)
		take  func(*awstest.Server)
	}{
		"roadiehq:aws:ecr:create": {
			`{"repoName":"shop/cart","region":"eu-west-1","scanOnPush":true,"tags":[{"Key":"team","Value":"payments"}]}`,
			func(s *awstest.Server) { s.Push("shop/cart", "v1") },
			func(s *awstest.Server) { s.Push("shop/cart", "") },
		},
		"roadiehq:aws:secrets-manager:create": {
			`{"name":"shop/password","region":"eu-west-1","description":"Shop","value":"hunter2","tags":[{"Key":"team","Value":"payments"}]}`,
			func(s *awstest.Server) { s.Store("shop/password", "another") },
			func(s *awstest.Server) { s.Store("shop/password", "theirs") },
		},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				server := &awstest.Server{}
				server.Push("other", "v1")
				front := httptest.NewServer(gate.Handler(server))
				t.Cleanup(front.Close)
				return actiontest.Fixture{
					Action: recordedtest.ByID(t, at(front.URL), id), Input: test.input,
					State:  func(testing.TB) []string { return server.State() },
					Digest: func(testing.TB) string { return strconv.Itoa(server.Changes()) + strings.Join(server.State(), "\n") },
					Use:    func(testing.TB) { test.use(server) },
					Take:   func(testing.TB) { test.take(server) },
				}
			})
		})
	}
}

// TestASecretWithoutAValueIsKeptOnceItHasOne: the value is somebody else's.
func TestASecretWithoutAValueIsKeptOnceItHasOne(t *testing.T) {
	t.Parallel()
	server := &awstest.Server{}
	front := httptest.NewServer(server)
	t.Cleanup(front.Close)
	tested, harness := recordedtest.ByID(t, at(front.URL), "roadiehq:aws:secrets-manager:create"), actiontest.NewHarness(t)
	_, err := harness.Run(t, tested, `{"name":"key","region":"eu-west-1"}`)
	require.NoError(t, err)
	server.Store("key", "theirs")
	var inUse *action.InUseError
	require.ErrorAs(t, harness.RollBack(t.Context(), tested), &inUse)
	require.Equal(t, []string{"secret key  theirs"}, server.State())
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&awstest.Server{})
	t.Cleanup(server.Close)
	stranger := aws.Actions(aws.Options{Account: &aws.Account{AccessKeyID: "AKIASTRANGER", SecretAccessKey: "x"}, Endpoint: server.URL,
		Transport: http.DefaultTransport})
	for name, test := range map[string]struct {
		actions []action.Action
		id      string
		input   string
		says    string
		kind    fault.Kind
	}{
		"no account": {aws.Actions(aws.Options{}), "ecr:create", `{"repoName":"shop","region":"eu-west-1"}`, "AWS is not configured", fault.Input},
		"no region": {at(server.URL), "ecr:create", `{"repoName":"shop","region":"evil.example.com/x"}`,
			"'evil.example.com/x' is no region of AWS", fault.Input},
		"a profile of the author's": {at(server.URL), "secrets-manager:create", `{"name":"s","region":"eu-west-1","profile":"admin"}`,
			"the profile 'admin' of AWS is not one that templates may name", fault.Input},
		"an endpoint of the author's": {at(server.URL), "s3:cp", `{"bucket":"b","region":"eu-west-1","endpoint":"http://169.254.169.254"}`,
			"endpoint http://169.254.169.254 is no server that is configured", fault.Input},
		"keys that AWS does not know": {stranger, "ecr:create", `{"repoName":"shop","region":"eu-west-1"}`,
			"AWS answered The security token included in the request is invalid.", fault.NotAllowed},
		"a path that leads out": {at(server.URL), "s3:cp", `{"bucket":"b","region":"eu-west-1","path":"../etc"}`,
			"Relative path is not allowed to refer to a directory outside its parent", fault.NotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := actiontest.NewHarness(t).Run(t, recordedtest.ByID(t, test.actions, "roadiehq:aws:"+test.id), test.input)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
		})
	}
}
