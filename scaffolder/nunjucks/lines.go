package nunjucks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxLineBytes bounds a line that EvaluateLines reads.
const maxLineBytes = 16 << 20

// EvaluateLines reads JSON objects {"template", "context", "opts"} from in, one per line. For each, in order,
// it writes a line {"output": text} or {"error": message} to out. Context and opts are optional. The members
// of opts are trimBlocks, lstripBlocks, cookiecutterCompat, and jinjaCompat, which is cookiecutterCompat with
// ${{ }}. A line that is not such an object, or is longer than 16 MiB, is answered with an error, and the
// next line is read. The returned error is that of in, out or ctx.
func EvaluateLines(ctx context.Context, in io.Reader, out io.Writer, limits Limits) error {
	reader := bufio.NewReaderSize(in, 64<<10)
	writer := bufio.NewWriter(out)
	for {
		line, err := readLine(reader)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return writer.Flush()
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrTooLong) {
			return fmt.Errorf("reading templates: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(line) > 0 || errors.Is(err, bufio.ErrTooLong) {
			if writeErr := writeLine(writer, evaluateLine(ctx, line, err, limits)); writeErr != nil {
				return fmt.Errorf("writing results: %w", writeErr)
			}
		}
		if reader.Buffered() == 0 {
			if err := writer.Flush(); err != nil {
				return fmt.Errorf("writing results: %w", err)
			}
		}
	}
}

// readLine reads up to a line break, which it drops. It skips a line that is too long and returns
// bufio.ErrTooLong.
func readLine(reader *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := reader.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > maxLineBytes; !tooLong {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case tooLong && (err == nil || errors.Is(err, io.EOF)):
			return nil, bufio.ErrTooLong
		case err != nil:
			return line, err
		}
		return line[:len(line)-1], nil
	}
}

func writeLine(writer *bufio.Writer, result *Object) error {
	data, err := EncodeJSON(result)
	if err != nil {
		return err
	}
	_, err = writer.Write(append(data, '\n'))
	return err
}

func evaluateLine(ctx context.Context, line []byte, readErr error, limits Limits) *Object {
	result := NewObject()
	if errors.Is(readErr, bufio.ErrTooLong) {
		result.Set("error", fmt.Sprintf("the line is longer than %d bytes", maxLineBytes))
		return result
	}
	output, err := evaluateRequest(ctx, line, limits)
	if err != nil {
		result.Set("error", err.Error())
	} else {
		result.Set("output", output)
	}
	return result
}

// evaluateRequest renders one request to text. Halves of surrogate pairs survive in it, as they do in JSON.
func evaluateRequest(ctx context.Context, line []byte, limits Limits) (string, error) {
	decoded, err := DecodeJSON(line)
	if err != nil {
		return "", err
	}
	request, ok := decoded.(*Object)
	if !ok {
		return "", errors.New("the line is not a JSON object")
	}
	source, _ := request.Get("template")
	text, ok := source.(string)
	if !ok {
		return "", errors.New("the line has no template that is a string")
	}
	given, found := request.Get("context")
	data, ok := given.(*Object)
	if found && given != nil && !ok {
		return "", errors.New("the context is not an object")
	}
	template, err := New(requestOptions(request, limits)).Parse(text)
	if err != nil {
		return "", err
	}
	return template.renderText(ctx, data)
}

func requestOptions(request *Object, limits Limits) Options {
	given, _ := request.Get("opts")
	opts, ok := given.(*Object)
	if !ok {
		opts = NewObject()
	}
	enabled := func(name string) bool {
		value, _ := opts.Get(name)
		return truthy(value)
	}
	options := Options{
		TrimBlocks: enabled("trimBlocks"), LstripBlocks: enabled("lstripBlocks"),
		CookiecutterCompat: enabled("cookiecutterCompat"), Limits: limits,
	}
	if enabled("jinjaCompat") && !options.CookiecutterCompat {
		options.CookiecutterCompat, options.VariableStart = true, "${{"
	}
	return options
}
