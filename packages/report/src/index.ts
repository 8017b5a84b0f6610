export { experimentReport, runReport, type ExperimentReportOptions } from './reports.js';
