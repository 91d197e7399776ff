// Package forges creates the configured hosts of all supported forges. It is the only list of them: a new
// forge is a package that implements integration.Host, and a line here.
package forges

import (
	"net/http"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/bitbucketserver"
	"github.com/portico-dev/portico/integration/gerrit"
	"github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/gitlab"
)

// Config is the section integrations of the configuration: the hosts of each forge. A forge's public host is
// added without credentials when it is not listed.
type Config struct {
	Azure           []azure.Config
	BitbucketCloud  []bitbucketcloud.Config
	BitbucketServer []bitbucketserver.Config
	Gerrit          []gerrit.Config
	Gitea           []gitea.Config
	GitHub          []github.Config
	GitLab          []gitlab.Config
}

// New checks the configuration and creates a Set of its hosts.
func New(config Config, options integration.Options) (*integration.Set, error) {
	options.Transport = integration.NewTransport(options.Transport)
	var hosts, public []integration.Host
	for _, family := range []family{
		of(github.New, config.GitHub, github.Config{}),
		of(gitlab.New, config.GitLab, gitlab.Config{}),
		of(azure.New, config.Azure, azure.Config{}),
		of(bitbucketcloud.New, config.BitbucketCloud, bitbucketcloud.Config{}),
		of(bitbucketserver.New, config.BitbucketServer),
		of(gitea.New, config.Gitea),
		of(gerrit.New, config.Gerrit),
	} {
		configured, known, err := family(options.Transport)
		if err != nil {
			return nil, err
		}
		hosts, public = append(hosts, configured...), append(public, known...)
	}
	return integration.New(append(hosts, public...), options)
}

// family creates the hosts of one forge: the configured and the public ones.
type family func(transport http.RoundTripper) (configured, public []integration.Host, err error)

func of[C any, H integration.Host](build func(C, http.RoundTripper) (H, error), configured []C, public ...C) family {
	all := func(configs []C, transport http.RoundTripper) ([]integration.Host, error) {
		var hosts []integration.Host
		for _, config := range configs {
			host, err := build(config, transport)
			if err != nil {
				return nil, err
			}
			hosts = append(hosts, host)
		}
		return hosts, nil
	}
	return func(transport http.RoundTripper) (made, known []integration.Host, err error) {
		if made, err = all(configured, transport); err == nil {
			known, err = all(public, transport)
		}
		return made, known, err
	}
}
