package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Names of the files that Write makes, besides the charts.
const (
	CSVFile   = "results.csv"
	TableFile = "results.md"
)

// Write writes the results into a directory: the CSV file, the tables, and the
// charts as PNG and SVG.
func Write(dir, heading string, rows []Row) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	var table bytes.Buffer
	if err := WriteCSV(&table, rows); err != nil {
		return err
	}
	text := "# Results\n\n" + heading + "\n\n" + Markdown(rows)
	for name, content := range map[string][]byte{CSVFile: table.Bytes(), TableFile: []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			return fmt.Errorf("results: %w", err)
		}
	}
	drawn, err := charts(rows)
	if err != nil {
		return err
	}
	for _, c := range drawn {
		if err := c.save(dir); err != nil {
			return err
		}
	}
	return nil
}
