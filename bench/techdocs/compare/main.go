// Command compare builds documentation trees with the real MkDocs and with Portico, and prints how many pages are equal:
//
//	go run ./bench/techdocs/compare -v DIR...
//
// A tree is a folder with mkdocs.yml. MkDocs gets what techdocs/mkdocs leaves of it, as in Backstage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/compare"
	"github.com/portico-dev/portico/techdocs/mkdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "confine" {
		fmt.Fprintln(os.Stderr, mkdocs.Confine(os.Args[2]))
		os.Exit(1)
	}
	program := flag.String("mkdocs", filepath.Join(".cache", "mkdocs", "bin", "mkdocs"), "the program")
	keep := flag.String("keep", "", "a folder in which the sites of MkDocs are kept, and used again")
	without := flag.String("without", "material.extensions.preview,mkautodoc,callouts,mdx_gh_links,mkdocs-click,zensical.extensions.macros,mdx_include,markdown_include_variants,pydantic_docs.mdext,markdown_include.include,mdx_breakless_lists", "extensions that are not installed, separated by commas")
	verbose := flag.Bool("v", false, "print each difference")
	flag.Parse()
	if err := run(*program, *keep, strings.Split(*without, ","), *verbose, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(program, keep string, without []string, verbose bool, trees []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if program, err = filepath.Abs(program); err != nil {
		return err
	}
	original := mkdocs.New(mkdocs.Config{Program: program, Confiner: []string{self, "confine"}})
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "tree\tpages\tequal\texplained\tunexplained\tMkDocs\tPortico")
	var sum compare.Result
	for _, tree := range trees {
		result, took, err := one(original, tree, keep, without)
		if err != nil {
			fmt.Fprintf(table, "%s\t%v\n", filepath.Base(tree), err)
			continue
		}
		if verbose {
			for _, d := range result.Differences {
				if d.Reason == "" {
					fmt.Fprintf(os.Stdout, "%s %s %s: %s\n", filepath.Base(tree), d.Page, d.Part, d.Detail)
				}
			}
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%.1fs\t%.3fs\n", filepath.Base(tree), result.Pages, result.Equal, result.Explained,
			result.Unexplained(), took[0].Seconds(), took[1].Seconds())
		sum.Pages, sum.Equal, sum.Explained = sum.Pages+result.Pages, sum.Equal+result.Equal, sum.Explained+result.Explained
	}
	fmt.Fprintf(table, "all\t%d\t%d\t%d\t%d\n", sum.Pages, sum.Equal, sum.Explained, sum.Unexplained())
	return table.Flush()
}

// one builds a tree with both and compares the sites.
func one(original *mkdocs.Generator, tree, keep string, without []string) (result compare.Result, took [2]time.Duration, err error) {
	work, err := os.MkdirTemp("", "portico-compare-")
	if err != nil {
		return result, took, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	source := filepath.Join(work, "source")
	if err := prepare(tree, source, without); err != nil {
		return result, took, err
	}
	wanted, given := filepath.Join(work, "mkdocs"), filepath.Join(work, "portico")
	if keep != "" {
		wanted = filepath.Join(keep, filepath.Base(tree))
	}
	if _, err := os.Stat(wanted); err != nil {
		if took[0], err = build(original, source, wanted); err != nil {
			return result, took, errors.Join(err, os.RemoveAll(wanted))
		}
	}
	if took[1], err = build(site.New(site.Config{}), source, given); err != nil {
		return result, took, err
	}
	result, err = compare.Sites(wanted, given)
	return result, took, err
}

func build(generator techdocs.Generator, tree, output string) (time.Duration, error) {
	if err := os.MkdirAll(output, 0o755); err != nil {
		return 0, err
	}
	started := time.Now()
	_, err := generator.Generate(context.Background(), tree, output, techdocs.Options{})
	return time.Since(started), err
}
