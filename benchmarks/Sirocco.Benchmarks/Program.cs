using System.Globalization;
using BenchmarkDotNet.Running;
using Sirocco.Benchmarks;

// accuracy MODEL DEMO-FOLDER QUERIES DOCUMENTS prints docs/precision.md's table, tables FILE… the speed of reading Parquet and Arrow; everything else goes to BenchmarkDotNet.
if (args is ["accuracy", var model, var demo, var queries, var documents])
    PrecisionAccuracy.Print(model, demo, int.Parse(queries, CultureInfo.InvariantCulture), int.Parse(documents, CultureInfo.InvariantCulture));
else if (args is ["tables", .. var files])
    TableReading.Print(files);
else
    BenchmarkSwitcher.FromAssembly(typeof(TransformerOperations).Assembly).Run(args);
