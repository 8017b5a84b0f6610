import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  LogQueryVisualizationType,
  LogQueryWidget,
  MathExpression,
  TextWidget,
  TreatMissingData,
  type IMetric,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { IDatabaseCluster } from 'aws-cdk-lib/aws-rds';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';

/** Raised when an execution has failed, or its time was up. */
export function failureAlarm(scope: Construct, id: string, stateMachine: StateMachine): Alarm {
  const period = Duration.minutes(5);
  return new Alarm(scope, id, {
    alarmDescription: 'An execution of the StepCompute state machine has failed or timed out.',
    metric: new MathExpression({
      expression: 'failed + timedOut',
      label: 'Executions failed or timed out',
      period,
      usingMetrics: {
        failed: stateMachine.metricFailed({ period, statistic: 'Sum' }),
        timedOut: stateMachine.metricTimedOut({ period, statistic: 'Sum' }),
      },
    }),
    threshold: 1,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}

/** The parts of a deployment that a dashboard shows. */
export interface Monitored {
  readonly stateMachine: StateMachine;
  /** By the names of their steps. */
  readonly functions: Readonly<Record<string, LambdaFunction>>;
  /** Step 2's, whose log counts iterations. */
  readonly writeToDb: LambdaFunction;
  /** Where it is an Aurora cluster. */
  readonly cluster?: IDatabaseCluster | undefined;
}

const period = Duration.minutes(1);

/** Runs, iterations a second, failures, throttles, and what costs money. */
export function dashboardOf(scope: Construct, id: string, monitored: Monitored): Dashboard {
  const { stateMachine, functions, writeToDb, cluster } = monitored;
  const labelled = (
    name: 'Throttles' | 'Errors' | 'Duration' | 'Invocations' | 'ConcurrentExecutions',
  ): IMetric[] =>
    Object.entries(functions).map(([label, each]) =>
      each.metric(name, {
        label,
        period,
        statistic: name === 'ConcurrentExecutions' ? 'Maximum' : 'Sum',
      }),
    );
  const dashboard = new Dashboard(scope, id, { defaultInterval: Duration.hours(3) });
  dashboard.addWidgets(
    new TextWidget({
      markdown: `# StepCompute: ${Stack.of(scope).stackName}`,
      width: 24,
      height: 1,
    }),
  );
  dashboard.addWidgets(
    new GraphWidget({
      title: 'Executions',
      width: 8,
      left: [
        stateMachine.metricStarted({ label: 'started', period, statistic: 'Sum' }),
        stateMachine.metricSucceeded({ label: 'succeeded', period, statistic: 'Sum' }),
        stateMachine.metricFailed({ label: 'failed', period, statistic: 'Sum' }),
        stateMachine.metricTimedOut({ label: 'timed out', period, statistic: 'Sum' }),
        stateMachine.metricAborted({ label: 'stopped', period, statistic: 'Sum' }),
      ],
    }),
    new LogQueryWidget({
      title: 'Iterations a second',
      width: 8,
      logGroupNames: [writeToDb.logGroup.logGroupName],
      view: LogQueryVisualizationType.LINE,
      queryLines: [
        'filter message = "done" and ispresent(iterationId)',
        'stats sum(`count`) / 60 as iterations by bin(1m)',
      ],
    }),
    new LogQueryWidget({
      title: 'Errors by name',
      width: 8,
      logGroupNames: Object.values(functions).map(({ logGroup }) => logGroup.logGroupName),
      view: LogQueryVisualizationType.TABLE,
      queryLines: [
        'filter level = "ERROR"',
        'stats count(*) as times, latest(errorMessage) as last by errorName',
        'sort times desc',
      ],
    }),
  );
  dashboard.addWidgets(
    new GraphWidget({
      title: 'Invocations that were throttled or failed',
      width: 8,
      left: labelled('Throttles'),
      right: labelled('Errors'),
    }),
    new GraphWidget({
      title: 'Functions at work, of the account’s',
      width: 8,
      left: labelled('ConcurrentExecutions'),
    }),
    new GraphWidget({
      title: 'What costs: seconds of functions, and their invocations',
      width: 8,
      left: labelled('Duration').map(
        (duration, index) =>
          new MathExpression({
            expression: `duration${index} / 1000`,
            label: Object.keys(functions)[index],
            period,
            usingMetrics: { [`duration${index}`]: duration },
          }),
      ),
      right: labelled('Invocations'),
    }),
    ...(cluster === undefined
      ? []
      : [
          new GraphWidget({
            title: 'What costs: capacity units of the database',
            width: 8,
            left: [cluster.metric('ServerlessDatabaseCapacity', { period, statistic: 'Average' })],
          }),
        ]),
  );
  return dashboard;
}
