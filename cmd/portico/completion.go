package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionTimeout bounds the wait after the Tab key.
const completionTimeout = 3 * time.Second

// completer completes an argument or the value of a flag.
type completer = func(command *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// ask queries a running Portico for completions.
type ask func(ctx context.Context, client *apiClient, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// completes queries the Portico that the flags name. When it does not answer, there are no completions.
func (c *connection) completes(ask ask) completer {
	return func(command *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		client, err := c.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(command.Context(), completionTimeout)
		defer cancel()
		return ask(ctx, client, args, typed)
	}
}

// registerCompletion registers a completer for the values of a flag.
func registerCompletion(command *cobra.Command, flag string, complete completer) {
	if err := command.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag does not exist, which is a programming error
	}
}

// completeOneOf completes a flag with a fixed list of values.
func completeOneOf[T ~string](words ...T) completer {
	var completions []cobra.Completion
	for _, word := range words {
		completions = append(completions, string(word))
	}
	return cobra.FixedCompletions(completions, cobra.ShellCompDirectiveNoFileComp)
}

// completeTemplates completes the name of a template.
func completeTemplates(ctx context.Context, client *apiClient, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var page struct {
		Items []struct {
			Metadata struct {
				Name, Namespace, Title string
			} `json:"metadata"`
		} `json:"items"`
	}
	query := url.Values{"filter": {"kind=template"}, "fields": {"metadata.name,metadata.namespace,metadata.title"}, "limit": {"500"}}
	if len(args) > 0 || client.call(ctx, http.MethodGet, "/api/catalog/entities/by-query?"+query.Encode(), nil, &page) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var completions []cobra.Completion
	for _, item := range page.Items {
		name := item.Metadata.Name
		if namespace := item.Metadata.Namespace; namespace != "" && namespace != "default" {
			name = namespace + "/" + name
		}
		completions = append(completions, cobra.CompletionWithDesc(name, item.Metadata.Title))
	}
	return completions, cobra.ShellCompDirectiveNoFileComp
}

// completeOneRun completes the id of a run for a command with one argument.
func completeOneRun(ctx context.Context, client *apiClient, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeRuns(ctx, client, args, typed)
}

// completeRuns completes ids of runs, the newest first.
func completeRuns(ctx context.Context, client *apiClient, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	query := url.Values{"limit": {"50"}}
	if typed != "" {
		query.Set("id", typed)
	}
	page, err := client.runs(ctx, query)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var completions []cobra.Completion
	for _, r := range page.Runs {
		id := shortID(r.ID)
		if len(typed) > len(id) {
			id = r.ID
		}
		completions = append(completions, cobra.CompletionWithDesc(id, fmt.Sprintf("%s, %s", r.name(), r.state())))
	}
	return completions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeValues completes name=value of a template: the names in its form, and the values of an enumeration.
func completeValues(ctx context.Context, client *apiClient, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	form, err := client.form(ctx, args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	asked, _ := form.names()
	var completions []cobra.Completion
	name, _, named := strings.Cut(typed, "=")
	if !named {
		for _, each := range sortedKeys(asked) {
			completions = append(completions, each+"=")
		}
		return completions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, value := range asked[name].Enum {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		completions = append(completions, name+"="+text)
	}
	return completions, cobra.ShellCompDirectiveNoFileComp
}
