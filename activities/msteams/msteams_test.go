package msteams_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/msteams"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestTheActionConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		front := apitest.Start(t, gate.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		return actiontest.Fixture{Action: msteams.Actions(msteams.Options{WebhookURL: front.URL, Transport: http.DefaultTransport})[0], Input: `{"message":"hi"}`,
			NoUndo: "a webhook of Teams takes no message back"}
	})
}

func TestTheActionEqualsThePlugins(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		Action: func(_ testing.TB, _ recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			return msteams.Actions(msteams.Options{WebhookHosts: []string{stubs.Host}, Transport: http.DefaultTransport})[0]
		},
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	status := func(code int) string {
		return apitest.Start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })).URL
	}
	const words = "Something went wrong while trying to send a request to the Teams webhook URL - StatusCode "
	for name, test := range map[string]struct {
		configured, input, says string
		kind                    fault.Kind
		transient               bool
	}{
		"no webhook":                 {"", `{"message":"hi"}`, "Webhook URL is not specified in either the action input or the app-config.", fault.Input, false},
		"an address of the author's": {"", `{"message":"hi","webhookUrl":"http://169.254.169.254/x"}`, "webhookUrl leads to 169.254.169.254", fault.Input, false},
		"a host with a similar name": {"", `{"message":"hi","webhookUrl":"https://webhook.office.com.example.com"}`, "webhookUrl leads to", fault.Input, false},
		"gone":                       {status(http.StatusNotFound), `{"message":"hi"}`, words + "404", fault.NotFound, false},
		"too much":                   {status(http.StatusTooManyRequests), `{"message":"hi"}`, words + "429", "", true},
		"perhaps sent":               {status(http.StatusBadGateway), `{"message":"hi"}`, words + "502", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tested := msteams.Actions(msteams.Options{WebhookURL: test.configured, Transport: http.DefaultTransport})[0]
			_, err := actiontest.NewHarness(t).Run(t, tested, test.input)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.transient, action.IsTransient(err))
		})
	}
}
