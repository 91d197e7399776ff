package action_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestARepositoryMustBeOnAnAllowedHost(t *testing.T) {
	t.Parallel()
	publishes := action.Description{ID: "publish:test", InputSchema: json.RawMessage(`{"type":"object","properties":{
		"repoUrl":{"type":"string"},"allowedHosts":{"type":["array","string"],"items":{"type":"string"}}},"required":["repoUrl"]}`)}
	refused := func(host, allowed string) string {
		return "Invalid input passed to action publish:test, repoUrl names the host " + host + ", and allowedHosts allows only " + allowed +
			". Choose a repository on an allowed host, or add " + host + " to the step's allowedHosts."
	}
	for name, test := range map[string]struct{ input, failure string }{
		"no list":                 {`{"repoUrl":"github.com?owner=o&repo=r"}`, ""},
		"an empty list":           {`{"repoUrl":"github.com?owner=o&repo=r","allowedHosts":[]}`, ""},
		"the host":                {`{"repoUrl":"github.com?owner=o&repo=r","allowedHosts":["github.com"]}`, ""},
		"one of two":              {`{"repoUrl":"github.com?owner=o&repo=r","allowedHosts":["ghe.acme.example","github.com"]}`, ""},
		"large letters":           {`{"repoUrl":"GitHub.com?owner=o&repo=r","allowedHosts":["GITHUB.com"]}`, ""},
		"a scheme":                {`{"repoUrl":"https://gitlab.com/?owner=o&repo=r","allowedHosts":["gitlab.com"]}`, ""},
		"a port":                  {`{"repoUrl":"ghe.acme.example:8443?owner=o&repo=r","allowedHosts":["ghe.acme.example:8443"]}`, ""},
		"another port":            {`{"repoUrl":"github.com:8443?owner=o&repo=r","allowedHosts":["github.com"]}`, refused("github.com:8443", `"github.com"`)},
		"another host":            {`{"repoUrl":"gitlab.com?owner=o&repo=r","allowedHosts":["github.com","ghe.acme.example"]}`, refused("gitlab.com", `"github.com", "ghe.acme.example"`)},
		"a host within":           {`{"repoUrl":"evil-github.com?owner=github.com&repo=r","allowedHosts":["github.com"]}`, refused("evil-github.com", `"github.com"`)},
		"a user before the host":  {`{"repoUrl":"github.com@evil.example?owner=o&repo=r","allowedHosts":["github.com"]}`, refused("evil.example", `"github.com"`)},
		"an entry without a host": {`{"repoUrl":"github.com?owner=o&repo=r","allowedHosts":[""]}`, refused("github.com", `""`)},
		"one text":                {`{"repoUrl":"github.com?owner=o&repo=r","allowedHosts":"github.com"}`, ""},
		"one text of another":     {`{"repoUrl":"gitlab.com?owner=o&repo=r","allowedHosts":"github.com"}`, refused("gitlab.com", `"github.com"`)},
		"no host":                 {`{"repoUrl":"a b","allowedHosts":["github.com"]}`, "Invalid repo URL passed to publisher, got a b, TypeError: Invalid URL"},
		"a number":                {`{"repoUrl":"github.com","allowedHosts":[1]}`, "Invalid input passed to action publish:test, instance.allowedHosts[0] is not of a type(s) string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := publishes.CheckInput("publish:test", json.RawMessage(test.input))
			if test.failure == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.failure)
			require.Equal(t, fault.Input, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
		})
	}
}

func TestAnInputOfThatNameIsOnlyReadWhereItIsDeclared(t *testing.T) {
	t.Parallel()
	open := action.Description{ID: "open", InputSchema: json.RawMessage(`{"type":"object","properties":{"repoUrl":{"type":"string"}}}`)}
	require.NoError(t, open.CheckInput("open", json.RawMessage(`{"repoUrl":"gitlab.com","allowedHosts":["github.com"]}`)))
}
