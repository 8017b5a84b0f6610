export default ({ iterationId }) => iterationId;
