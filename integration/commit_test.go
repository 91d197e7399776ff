package integration_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
)

func TestPagesOfCommits(t *testing.T) {
	t.Parallel()
	hosts, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	commit := strings.Repeat("0a", 20)
	for remote, page := range map[string]string{
		"https://github.com/acme/shop.git":                "https://github.com/acme/shop/commit/" + commit,
		"https://user:secret@github.com/acme/shop":        "https://github.com/acme/shop/commit/" + commit,
		"git@github.com:acme/shop.git":                    "https://github.com/acme/shop/commit/" + commit,
		"ssh://git@gitlab.com:22/acme/web/shop.git":       "https://gitlab.com/acme/web/shop/-/commit/" + commit,
		"https://bitbucket.org/acme/shop":                 "https://bitbucket.org/acme/shop/commits/" + commit,
		"https://dev.azure.com/acme/web/_git/shop":        "https://dev.azure.com/acme/web/_git/shop/commit/" + commit,
		"https://github.com/acme/shop/tree/main/deploy":   "",
		"https://git.example.com/acme/shop.git":           "",
		"javascript:alert(1)":                             "",
		"https://github.com/acme/shop.git\nhttps://x.org": "",
		"": "",
	} {
		found, has := hosts.CommitURL(remote, commit)
		require.Equal(t, page, found, remote)
		require.Equal(t, page != "", has, remote)
	}
	_, has := hosts.CommitURL("https://github.com/acme/shop.git", "1.2.3")
	require.False(t, has, "the version of a chart")
}
