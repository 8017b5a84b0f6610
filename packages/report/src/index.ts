export {
  experimentReport,
  runReport,
  valuesToRead,
  type ExperimentReportOptions,
  type ReportOptions,
} from './reports.js';
