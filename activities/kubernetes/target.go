package kubernetes

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
)

// target are the inputs that say which cluster is meant, and as whom.
type target struct {
	ClusterName    string `json:"clusterName"`
	ClusterURL     string `json:"clusterUrl"`
	ClusterContext string `json:"clusterContext"`
	ClusterRef     string `json:"clusterRef"`
	// URL is ClusterURL in kubernetes:create-namespace.
	URL   string `json:"url"`
	Token string `json:"token"`
	// AuthToken is Token in deploy:kubernetes.
	AuthToken string `json:"authToken"`
}

func (t target) selector() clusters.Selector {
	ref := ""
	if t.ClusterRef != "" {
		if parsed, err := entity.ParseRef(t.ClusterRef, entity.Ref{Kind: "resource"}); err == nil {
			ref = parsed.String()
		}
	}
	return clusters.Selector{Name: t.ClusterName, URL: cmp.Or(t.ClusterURL, t.URL), Context: t.ClusterContext, Ref: ref}
}

func (t target) token() string { return cmp.Or(t.Token, t.AuthToken) }

// connect returns a client for the cluster that a step means.
func (o Options) connect(ctx context.Context, call *action.Call, t target) (*clusters.Client, error) {
	cluster, err := o.Clusters.Find(ctx, call.Starter, t.selector())
	if err != nil {
		return nil, action.Classify(err)
	}
	client, err := o.Clusters.Connect(cluster, clusters.Access{Token: t.token()})
	return client, action.Classify(err)
}

// place is what the ledger keeps about the cluster of an effect.
type place struct {
	Cluster string `json:"cluster"`
	// TokenSecret is the name of the run's secret that the step passed as its token. OwnToken says that it passed a
	// token.
	OwnToken    bool   `json:"ownToken,omitempty"`
	TokenSecret string `json:"tokenSecret,omitempty"`
}

// placeOf is the place of what a call does with a client.
func placeOf(client *clusters.Client, call *action.Call, token string) place {
	at := place{Cluster: client.Cluster.Name, OwnToken: token != ""}
	for _, name := range slices.Sorted(maps.Keys(call.Secrets)) {
		if token != "" && call.Secrets[name] == token {
			at.TokenSecret = name
		}
	}
	return at
}

// reconnect returns a client for a rollback. The token that the step passed is not kept: it is the run's secret of that
// name or, where that is gone, the cluster's own credentials have to do.
func (o Options) reconnect(ctx context.Context, starter identity.Principal, secrets map[string]string, at place) (*clusters.Client, error) {
	cluster, err := o.Clusters.Find(ctx, starter, clusters.Selector{Name: at.Cluster})
	if err != nil {
		return nil, action.Classify(err)
	}
	client, err := o.Clusters.Connect(cluster, clusters.Access{Token: secrets[at.TokenSecret]})
	if err != nil && at.OwnToken {
		return nil, action.Advise(action.Classify(err), "The token that the step passed is not kept. Give the cluster a serviceAccountToken in the configuration, "+
			"or delete what the run created yourself, then roll the run back again.")
	}
	return client, action.Classify(err)
}
