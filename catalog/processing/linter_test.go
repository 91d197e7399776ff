package processing_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/processing"
)

// carping is a linter whose remark on a component is the component's description.
func carping(version string) processing.Linter {
	return processing.Linter{Version: version, Remarks: func(_ context.Context, kind string, document json.RawMessage) []processing.Remark {
		var e struct{ Metadata struct{ Description string } }
		if json.Unmarshal(document, &e) != nil || kind != "Component" || e.Metadata.Description == "" {
			return nil
		}
		if e.Metadata.Description == "panic" {
			panic("the linter is confused")
		}
		return []processing.Remark{{Level: processing.LevelWarning, Message: version + e.Metadata.Description}}
	}}
}

// TestRemarksAreLoggedOnceAndTheEntityIsServed: such an entity is not listed as failed.
func TestRemarksAreLoggedOnceAndTheEntityIsServed(t *testing.T) {
	t.Parallel()
	file := strings.Replace(component, "%s\nspec: {type: service, lifecycle: production, owner: %s}",
		"%s\nstatus: {items: [{type: mine, level: error, message: from its author}]}\nspec: {type: service, lifecycle: production, owner: %s}", 1)
	file = strings.NewReplacer("name: %s", "name: shop", `"%s"`, "no such action", "owner: %s", "owner: a").Replace(file)
	b := newBenchWithLinter(t, map[string]string{"a.yaml": file}, processing.Options{Interval: time.Second}, carping(""))
	location := b.bring("a.yaml")[0].Ref
	b.awaitServed("component:default/shop", location)
	b.settled()
	require.Nil(t, b.served("component:default/shop")["status"], "it is served as Backstage serves it")
	require.Empty(t, b.complaints(location))
	require.Zero(t, b.count("select count(*) from catalog_states where errors is not null"))

	b.refresh("component:default/shop")
	b.settled()
	warnings := b.log.warnings("no such action")
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "location=url:"+b.site.URL+"/a.yaml line=1 ")
}

func TestRemarksDoNotPreventServing(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	p := pipelineOf(t, s)
	p.Linter = carping("")
	lint := func(description string) processing.Result {
		return p.Process(t.Context(), found(t, s, strings.NewReplacer("name: %s", "name: shop", "%s", description, "owner: %s", "owner: a").Replace(component)))
	}
	require.Empty(t, lint("").Remarks)
	result := lint("panic")
	require.Empty(t, result.Errors)
	require.False(t, result.Failed)
	require.Len(t, result.Remarks, 1)
	require.Contains(t, result.Remarks[0].Message, "the linter is confused")
}

func TestANewVersionOfTheLinterChecksAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"text": "why"})
	p := pipelineOf(t, s)
	p.Linter = carping("1")
	document := found(t, s, strings.NewReplacer("name: %s", "name: shop", `"%s"`, "{$text: ./text}", "owner: %s", "owner: a").Replace(component))
	first := p.Process(t.Context(), document)
	require.Equal(t, "1why", first.Remarks[0].Message)
	require.True(t, p.ProcessAgain(t.Context(), document, first.Readings).Unchanged)
	p.Linter = carping("2")
	require.Equal(t, "2why", p.ProcessAgain(t.Context(), document, first.Readings).Remarks[0].Message)
}
