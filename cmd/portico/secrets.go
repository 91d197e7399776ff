package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// secretFlags are the flags for the secrets of a run.
type secretFlags struct {
	plain, files, variables []string
	// stdin is the name of the secret that is read from standard input.
	stdin string
}

func (f *secretFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.variables, "secret-env", nil, "a secret from the environment, name=VARIABLE; repeat it")
	flags.StringArrayVar(&f.files, "secret-file", nil, "a secret from a file, name=path; repeat it")
	flags.StringVar(&f.stdin, "secret-stdin", "", "the `name` of a secret that is read from standard input")
	flags.StringArrayVar(&f.plain, "secret", nil, "a secret, name=value; repeat it")
	_ = flags.MarkDeprecated("secret", "it shows the secret in the list of processes and in the shell's history: "+
		"use --secret-env, --secret-file or --secret-stdin") // fails only for an unknown flag
}

// read collects the secrets. Errors do not contain their values. It removes the line end at the end of a file
// or of standard input.
func (f *secretFlags) read(stdin io.Reader) (map[string]string, error) {
	secrets := map[string]string{}
	for _, source := range []struct {
		flag, form string
		given      []string
		read       func(from string) (string, error)
	}{
		{"--secret", "name=value", f.plain, func(value string) (string, error) { return value, nil }},
		{"--secret-env", "name=VARIABLE", f.variables, secretOfVariable},
		{"--secret-file", "name=path", f.files, func(path string) (string, error) { return secretOf(path, nil) }},
	} {
		for _, each := range source.given {
			name, from, found := strings.Cut(each, "=")
			if !found || name == "" {
				return nil, fmt.Errorf("%s: write %s", source.flag, source.form)
			}
			secret, err := source.read(from)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", source.flag, name, err)
			}
			secrets[name] = secret
		}
	}
	if f.stdin == "" {
		return secrets, nil
	}
	secret, err := secretOf("-", stdin)
	if err != nil {
		return nil, fmt.Errorf("--secret-stdin %s: %w", f.stdin, err)
	}
	secrets[f.stdin] = secret
	return secrets, nil
}

func secretOfVariable(name string) (string, error) {
	secret, is := os.LookupEnv(name)
	if !is {
		return "", fmt.Errorf("the variable %s is not set", name)
	}
	return secret, nil
}

func secretOf(path string, stdin io.Reader) (string, error) {
	if path == "-" && stdin == nil {
		return "", errors.New("use --secret-stdin to read standard input")
	}
	content, err := readInput(path, stdin)
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), err
}
