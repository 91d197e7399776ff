package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration/argocd"
)

func TestInstancesOfArgoCDAreConverted(t *testing.T) {
	t.Parallel()
	require.Equal(t, []argocd.Instance{
		{Name: "token", URL: "https://a.example.com", Token: "t", Username: "u", Password: "p"},
		{Name: "own", URL: "https://b.example.com", Username: "x", Password: "y"},
		{Name: "cluster", Cluster: "dev", Namespace: "gitops", Username: "u", Password: "p"},
	}, argoInstances(config.ArgoCD{Username: "u", Password: "p", AppLocatorMethods: []config.ArgoCDLocator{
		{Type: "config", Instances: []config.ArgoCDInstance{{Name: "token", URL: "https://a.example.com/", Token: "t"}, {Name: "own", URL: "https://b.example.com", Username: "x", Password: "y"},
			{Name: "cluster", Cluster: "dev", Namespace: "gitops"}}},
		{Type: "other", Instances: []config.ArgoCDInstance{{Name: "not read"}}},
	}}))
}
