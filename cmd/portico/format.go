package main

import (
	"errors"
	"io"

	"github.com/spf13/pflag"

	"github.com/portico-dev/portico/plainjson"
)

// format is the output format of a command. As a flag's type it rejects wrong values before anything is done.
type format string

const (
	formatText format = "text"
	formatJSON format = "json"
)

func (f *format) addFlag(flags *pflag.FlagSet) {
	*f = formatText
	flags.VarP(f, "output", "o", "how to print: text or json")
}

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *format) Type() string { return "format" }

// Set implements pflag.Value.
func (f *format) Set(text string) error {
	if asked := format(text); asked == formatText || asked == formatJSON {
		*f = asked
		return nil
	}
	return errors.New("use text or json")
}

// print writes v as JSON if that was requested, else calls text.
func (f *format) print(out io.Writer, v any, text func()) error {
	if *f == formatText {
		text()
		return nil
	}
	encoded, err := plainjson.MarshalIndent(v, "  ")
	if err != nil {
		return err
	}
	_, err = out.Write(append(encoded, '\n'))
	return err
}
