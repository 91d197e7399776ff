package trail_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/audit/trail"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

func TestEveryMethodAsksTheDecider(t *testing.T) {
	t.Parallel()
	refuser := &policytest.Refuser{}
	policytest.EveryMethodAsks(t, trail.New(nil, refuser), refuser, nil)
}

func TestWithoutRolesOnlyMachinesReadTheLog(t *testing.T) {
	t.Parallel()
	service := trail.New(testkit.Database(t), policy.AllowKnown{})
	_, err := service.Events(t.Context(), identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}, audit.Query{})
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = service.Events(t.Context(), identity.Principal{Kind: identity.KindService, Subject: "external:siem"}, audit.Query{})
	require.NoError(t, err)
}

func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	for n := range trail.MaxPage + 1 {
		require.NoError(t, audit.Record(t.Context(), pool, audit.Actor{Kind: "system", Subject: "system:test"}, audit.EntityRefresh, strconv.Itoa(n)))
	}
	service := trail.New(pool, policy.AllowKnown{})
	page, err := service.Events(t.Context(), identity.System("test"), audit.Query{Limit: 100_000})
	require.NoError(t, err)
	require.Len(t, page, trail.MaxPage)
	rest, err := service.Events(t.Context(), identity.System("test"), audit.Query{Before: page[len(page)-1].ID})
	require.NoError(t, err)
	require.Len(t, rest, 1)
	require.Equal(t, "0", rest[0].Resource)
}
