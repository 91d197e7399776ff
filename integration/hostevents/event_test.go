package hostevents_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
)

func TestAPushTouchesWhatItChanged(t *testing.T) {
	t.Parallel()
	push := hostevents.Push{Ref: "main", DefaultBranch: "main", Paths: []string{"catalog-info.yaml", "docs/[x].md", "services/a/info.yaml"}}
	release := hostevents.Push{Ref: "release/v3", DefaultBranch: "main", Paths: []string{"a.yaml"}}
	for name, test := range map[string]struct {
		push    hostevents.Push
		place   integration.Place
		touches bool
	}{
		"a changed file":                       {push, integration.Place{Ref: "main", Path: "catalog-info.yaml"}, true},
		"another file":                         {push, integration.Place{Ref: "main", Path: "info.yaml"}, false},
		"the default branch":                   {push, integration.Place{Path: "catalog-info.yaml"}, true},
		"HEAD":                                 {push, integration.Place{Ref: "HEAD", Path: "catalog-info.yaml"}, true},
		"the default branch, of another push":  {release, integration.Place{Path: "a.yaml"}, false},
		"an unknown default branch":            {hostevents.Push{Ref: "x", AllPaths: true}, integration.Place{Path: "a.yaml"}, true},
		"another branch":                       {push, integration.Place{Ref: "next", Path: "catalog-info.yaml"}, false},
		"a pattern":                            {push, integration.Place{Ref: "main", Path: "services/*/info.yaml"}, true},
		"a pattern of any depth":               {push, integration.Place{Ref: "main", Path: "**/info.yaml"}, true},
		"another pattern":                      {push, integration.Place{Ref: "main", Path: "services/*.yaml"}, false},
		"a name that could be a pattern":       {push, integration.Place{Ref: "main", Path: "docs/[x].md"}, true},
		"a branch with a slash":                {release, integration.Place{Ref: "release/v3", RefIsWhole: true, Path: "a.yaml"}, true},
		"a branch of which the end is unknown": {release, integration.Place{Ref: "release", Path: "v3/a.yaml"}, true},
		"another file there":                   {release, integration.Place{Ref: "release", Path: "v3/b.yaml"}, false},
		"a whole branch with a similar name":   {release, integration.Place{Ref: "release", RefIsWhole: true, Path: "v3/a.yaml"}, false},
		"a branch whose name begins like it":   {release, integration.Place{Ref: "release", Path: "v30/a.yaml"}, false},
		"any file":                             {hostevents.Push{Ref: "main", AllPaths: true}, integration.Place{Ref: "main", Path: "x"}, true},
		"any file, of another branch":          {hostevents.Push{Ref: "main", AllPaths: true}, integration.Place{Ref: "next", Path: "x"}, false},
		"the root of the repository":           {push, integration.Place{Ref: "main"}, true},
		"a pattern that is none":               {push, integration.Place{Ref: "main", Path: "a[.yaml"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.touches, hostevents.Event{Kind: hostevents.Pushed, Push: test.push}.Touches(test.place))
			require.True(t, hostevents.Event{Kind: hostevents.Deleted}.Touches(test.place), "what is about all of a repository touches all of it")
		})
	}
}

func TestThePathsOfAPushAreBounded(t *testing.T) {
	t.Parallel()
	many := make([]string, hostevents.MaxPaths+1)
	for n := range many {
		many[n] = fmt.Sprint(n)
	}
	same := strings.Split(strings.Repeat("a ", 2*hostevents.MaxPaths)+"a", " ")
	for name, test := range map[string]struct {
		commits  []hostevents.Commit
		areAll   bool
		expected hostevents.Push
	}{
		"all":        {[]hostevents.Commit{{Added: []string{"b"}, Modified: []string{"a"}}, {Removed: []string{"c", "a"}}}, true, hostevents.Push{Paths: []string{"a", "b", "c"}}},
		"some":       {[]hostevents.Commit{{Added: []string{"b"}}}, false, hostevents.Push{AllPaths: true}},
		"none":       {nil, true, hostevents.Push{AllPaths: true}},
		"too many":   {[]hostevents.Commit{{Added: many}}, true, hostevents.Push{AllPaths: true}},
		"often":      {[]hostevents.Commit{{Modified: same}}, true, hostevents.Push{Paths: []string{"a"}}},
		"empty ones": {[]hostevents.Commit{{}}, true, hostevents.Push{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var push hostevents.Push
			push.SetPaths(test.commits, test.areAll)
			require.Empty(t, push.Paths[len(test.expected.Paths):])
			require.ElementsMatch(t, test.expected.Paths, push.Paths)
			require.Equal(t, test.expected.AllPaths, push.AllPaths)
		})
	}
}
