package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Names of the files that Write makes, besides the charts.
const (
	CSVFile   = "results.csv"
	TableFile = "results.md"
	PageFile  = "README.md" // brought up to date if it is there
)

// tableHeading is above the line about the machine in the file of tables.
const tableHeading = "# Results\n\n"

// Redraw writes everything again that results.csv and the line about the machine
// in results.md suffice for.
func Redraw(dir string) error {
	rows, machine, err := Load(dir)
	if err != nil {
		return err
	}
	return Write(dir, machine, rows)
}

// Load reads what Write has written.
func Load(dir string) (rows []Row, machine string, err error) {
	table, err := os.ReadFile(filepath.Join(dir, CSVFile))
	if err != nil {
		return nil, "", fmt.Errorf("results: %w", err)
	}
	if rows, err = ReadCSV(bytes.NewReader(table)); err != nil {
		return nil, "", err
	}
	text, err := os.ReadFile(filepath.Join(dir, TableFile))
	if err != nil {
		return nil, "", fmt.Errorf("results: %w", err)
	}
	machine, _, _ = strings.Cut(strings.TrimPrefix(string(text), tableHeading), "\n")
	return rows, machine, nil
}

// Write writes the results into a directory: the CSV file, the tables, and the
// charts as PNG and SVG. machine says where and how they came to be.
func Write(dir, machine string, rows []Row) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	var table bytes.Buffer
	if err := WriteCSV(&table, rows); err != nil {
		return err
	}
	text := tableHeading + machine + "\n\n" + Markdown(rows)
	for name, content := range map[string][]byte{CSVFile: table.Bytes(), TableFile: []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			return fmt.Errorf("results: %w", err)
		}
	}
	if err := refreshFile(filepath.Join(dir, PageFile), machine, rows); err != nil {
		return err
	}
	drawn, err := charts(rows)
	if err != nil {
		return err
	}
	for _, c := range drawn {
		if err := c.Save(dir); err != nil {
			return err
		}
	}
	return nil
}

func refreshFile(path, machine string, rows []Row) error {
	page, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	fresh, err := Refresh(string(page), machine, rows)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	if err := os.WriteFile(path, []byte(fresh), 0o666); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}
