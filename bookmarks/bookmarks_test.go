package bookmarks_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/bookmarks"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
)

var (
	ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}
	bob = identity.Principal{Kind: identity.KindUser, Subject: "user:default/bob"}
)

func TestBookmarksBelongToOneUser(t *testing.T) {
	t.Parallel()
	marks := bookmarks.New(testkit.Database(t))
	of := func(who identity.Principal, list bookmarks.List) []string {
		refs, err := marks.References(t.Context(), who, list)
		require.NoError(t, err)
		return refs
	}
	for _, ref := range []string{"component:default/shop", "Component:default/Till", "component:default/shop"} {
		require.NoError(t, marks.Add(t.Context(), ada, bookmarks.Starred, ref))
	}
	require.Equal(t, []string{"component:default/shop", "component:default/till"}, of(ada, bookmarks.Starred), "the latest first, each once")
	require.Empty(t, of(ada, bookmarks.Recent))
	require.Empty(t, of(bob, bookmarks.Starred))

	require.NoError(t, marks.Remove(t.Context(), bob, bookmarks.Starred, "component:default/shop"))
	require.Len(t, of(ada, bookmarks.Starred), 2)
	require.NoError(t, marks.Remove(t.Context(), ada, bookmarks.Starred, "component:default/SHOP"))
	require.NoError(t, marks.Remove(t.Context(), ada, bookmarks.Starred, "component:default/never"))
	require.Equal(t, []string{"component:default/till"}, of(ada, bookmarks.Starred))
}

func TestBookmarksAreBounded(t *testing.T) {
	t.Parallel()
	marks := bookmarks.New(testkit.Database(t))
	ref := func(n int) string { return fmt.Sprintf("component:default/c%d", n) }
	for n := range bookmarks.MaxStarred {
		require.NoError(t, marks.Add(t.Context(), ada, bookmarks.Starred, ref(n)))
		require.NoError(t, marks.Add(t.Context(), ada, bookmarks.Recent, ref(n)))
	}
	recent, err := marks.References(t.Context(), ada, bookmarks.Recent)
	require.NoError(t, err)
	require.Len(t, recent, bookmarks.MaxRecent)
	require.Equal(t, ref(bookmarks.MaxStarred-1), recent[0])

	require.Equal(t, fault.Conflict, fault.KindOf(marks.Add(t.Context(), ada, bookmarks.Starred, "component:default/one-more")))
	require.NoError(t, marks.Add(t.Context(), ada, bookmarks.Starred, ref(0)), "an existing star can be added again")
	require.NoError(t, marks.Add(t.Context(), bob, bookmarks.Starred, "component:default/one-more"))
}

func TestInvalidUsersAndReferencesAreRefused(t *testing.T) {
	t.Parallel()
	marks := bookmarks.New(testkit.Database(t))
	for _, nobody := range []identity.Principal{{}, {Kind: identity.KindService, Subject: "ci"}, identity.System("a test")} {
		_, err := marks.References(t.Context(), nobody, bookmarks.Starred)
		require.Equal(t, fault.NotAllowed, fault.KindOf(err))
		require.Equal(t, fault.NotAllowed, fault.KindOf(marks.Add(t.Context(), nobody, bookmarks.Starred, "component:default/shop")))
		require.Equal(t, fault.NotAllowed, fault.KindOf(marks.Remove(t.Context(), nobody, bookmarks.Starred, "component:default/shop")))
	}
	for _, ref := range []string{"", "shop", "component:default/" + string(make([]byte, 1000))} {
		require.Equal(t, fault.Input, fault.KindOf(marks.Add(t.Context(), ada, bookmarks.Starred, ref)), ref)
	}
}
