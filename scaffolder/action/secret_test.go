package action_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
)

func TestSecretTexts(t *testing.T) {
	t.Parallel()
	described := action.Description{SecretOutputs: []string{"token"}}
	for name, test := range map[string]struct {
		output string
		texts  []string
	}{
		"one":            {`{"token":"s3cret","user":"ann"}`, []string{"s3cret"}},
		"of iterations":  {`{"token":["one","two"],"user":["ann","ben"]}`, []string{"one", "two"}},
		"within objects": {`{"token":{"value":"s3cret","id":7}}`, []string{"s3cret"}},
		"none":           {`{"user":"ann"}`, nil},
		"no object":      {`null`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.texts, described.SecretTexts(json.RawMessage(test.output)))
			require.Nil(t, action.Description{}.SecretTexts(json.RawMessage(test.output)), "nothing is declared secret")
		})
	}
}
